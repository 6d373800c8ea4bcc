import { defineInterface } from './webidl.js';

/** What the runner tells of a key; never its material. */
export interface CryptoKeyInfo {
  readonly id: number;
  readonly type: string;
  readonly extractable: boolean;
  readonly algorithm: Record<string, unknown>;
  readonly usages: readonly string[];
}

export let makeKey: (info: CryptoKeyInfo) => CryptoKey;
export let keyId: (key: CryptoKey) => number;

const construct = Symbol('construct');

/** Web Cryptography §13: the name of a key that lies in the runner. */
export class CryptoKey {
  readonly #info: CryptoKeyInfo;

  constructor(token?: symbol, info?: CryptoKeyInfo) {
    if (token !== construct || info === undefined) throw new TypeError('Illegal constructor');
    this.#info = info;
  }

  get type(): string {
    return this.#info.type;
  }
  get extractable(): boolean {
    return this.#info.extractable;
  }
  get algorithm(): object {
    return this.#info.algorithm;
  }
  get usages(): readonly string[] {
    return this.#info.usages;
  }

  static {
    makeKey = (info) => {
      const { publicExponent } = info.algorithm;
      if (Array.isArray(publicExponent)) {
        info.algorithm['publicExponent'] = new Uint8Array(publicExponent as number[]);
      }
      return new CryptoKey(construct, info);
    };
    keyId = (key) => key.#info.id;
  }
}

defineInterface(CryptoKey, 'CryptoKey');
