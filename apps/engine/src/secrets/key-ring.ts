import {
  makeKeyFile,
  newKeyBytes,
  readKeyFile,
  replaceKeyFile,
  type SealingKey,
  sealingKey,
} from '@proxylet/nest';

export interface KeyRingOptions {
  /** File in the state folder. It is made when there is none and no keys are given. */
  readonly file: string;
  /** Keys of the configuration, the first in use; empty leaves the choice to the file. */
  readonly given: readonly Buffer[];
  /** Told where the file can be read by others than its owner; it is then closed to them. */
  readonly onOpenToOthers: (file: string) => void;
}

/** Keys that secrets are sealed with: the first seals, the others only open what was sealed before a rotation. */
export class KeyRing {
  private constructor(
    private readonly file: string,
    readonly isGiven: boolean,
    private keys: readonly SealingKey[],
  ) {}

  /** @throws ServiceFault where the file cannot be used */
  static async open({ file, given, onOpenToOthers }: KeyRingOptions): Promise<KeyRing> {
    const isGiven = given.length > 0;
    const stored = await readKeyFile(file, () => onOpenToOthers(file));
    // What the file's keys sealed stays readable when the configuration takes over.
    const keys = [...given, ...(stored ?? (isGiven ? [] : await makeKeyFile(file)))];
    return new KeyRing(file, isGiven, keys.map(sealingKey));
  }

  get current(): SealingKey {
    const [key] = this.keys;
    if (key === undefined) throw new Error('a key ring is never empty');
    return key;
  }

  find(id: string): SealingKey | undefined {
    return this.keys.find((key) => key.id === id);
  }

  /** A fresh key in front; it is on the disk before anything is sealed with it. */
  async begin(): Promise<void> {
    await this.replaceBy([sealingKey(newKeyBytes()), ...this.keys]);
  }

  /** Forgets every key but the current one: what these sealed must be sealed anew before. */
  async finish(): Promise<void> {
    await this.replaceBy([this.current]);
  }

  private async replaceBy(keys: readonly SealingKey[]): Promise<void> {
    await replaceKeyFile(
      this.file,
      keys.map(({ bytes }) => bytes),
    );
    this.keys = keys;
  }
}
