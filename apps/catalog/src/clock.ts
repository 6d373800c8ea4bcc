/** The time of day, in the one form the tables and answers use: RFC 3339, UTC, ms. */
export class Clock {
  now(): string {
    return new Date().toISOString();
  }
}
