/** One secret as it is kept: nothing of its value can be read without the key. */
export interface SealedSecret {
  readonly installationId: string;
  readonly name: string;
  readonly keyId: string;
  /** What `seal` made of the value for this place. */
  readonly sealed: string;
  readonly createdAtMs: number;
  readonly changedAtMs: number;
  /** Principal key. */
  readonly changedBy: string;
}

export type Place = Pick<SealedSecret, 'installationId' | 'name'>;

/** A row that is moved to another installation or name cannot be opened there. */
export function textOfPlace({ installationId, name }: Place): string {
  return `${installationId}\n${name}`;
}
