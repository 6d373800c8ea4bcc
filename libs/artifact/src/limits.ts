/** Caps of reading one archive. Every figure counts what really arrives, never what a header claims. */
export interface ArchiveLimits {
  /** Bytes as sent. */
  readonly packedBytes: number;
  /** Bytes after decompression, tar headers and padding included. */
  readonly unpackedBytes: number;
  /** Unpacked : packed; looked at once `ratioFromBytes` came out. */
  readonly ratio: number;
  readonly ratioFromBytes: number;
  /** Tar members, directories and extension headers included. */
  readonly entries: number;
  readonly fileBytes: number;
  readonly mainBytes: number;
  /** JavaScript held in memory while the manifest, which says which file is main, has not come yet. */
  readonly heldBytes: number;
  readonly pathBytes: number;
  readonly pathLevels: number;
}

const mebibyte = 1024 * 1024;

export const defaultLimits: ArchiveLimits = {
  packedBytes: 32 * mebibyte,
  unpackedBytes: 128 * mebibyte,
  ratio: 200,
  ratioFromBytes: mebibyte,
  entries: 2000,
  fileBytes: 64 * mebibyte,
  mainBytes: 8 * mebibyte,
  heldBytes: 16 * mebibyte,
  pathBytes: 160,
  pathLevels: 16,
};
