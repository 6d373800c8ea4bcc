/** Kinds of entry into an isolate, in the order of the prelude's table (`guest/boot.ts`). */
export const entry = {
  call: 0,
  body: 1,
  bodyEnd: 2,
  bodyAbort: 3,
  credit: 4,
  cancel: 5,
  opResult: 6,
  opError: 7,
  opBody: 8,
  opEnd: 9,
  timer: 10,
  rejection: 11,
  opUploadCredit: 12,
  socketMessage: 13,
  socketClose: 14,
  socketCredit: 15,
} as const;

export type EntryKind = (typeof entry)[keyof typeof entry];
