/** Rows one request looks at, at most: it bounds what a search for what hardly occurs together costs. */
const maxRows = 1000;
const firstRows = 128;

/** How many rows to look at next: few at first, as mostly the page is full then. */
export class SearchEffort {
  private left = maxRows;
  private last = 0;

  /** @param wanted rows that would do if each met every condition */
  next(wanted: number, hasConditions: boolean): number {
    this.last = Math.min(hasConditions ? Math.max(firstRows, 2 * this.last, wanted) : wanted, this.left);
    return this.last;
  }

  spend(rows: number): void {
    this.left -= rows;
  }

  get isSpent(): boolean {
    return this.left <= 0;
  }
}
