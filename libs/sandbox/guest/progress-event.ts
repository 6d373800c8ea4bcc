import { Event, type EventInit } from './event.js';
import { defineInterface, needArguments, toDictionary, toInteger } from './webidl.js';

interface ProgressEventInit extends EventInit {
  lengthComputable?: boolean;
  loaded?: number;
  total?: number;
}

/** XMLHttpRequest §5, which other interfaces use as well. */
export class ProgressEvent extends Event {
  readonly #lengthComputable: boolean;
  readonly #loaded: number;
  readonly #total: number;

  constructor(type: string, init?: ProgressEventInit) {
    needArguments(arguments.length, 1, 'ProgressEvent');
    super(type, init);
    const { lengthComputable, loaded, total } = toDictionary(init, 'ProgressEvent');
    this.#lengthComputable = Boolean(lengthComputable);
    this.#loaded = toInteger(loaded);
    this.#total = toInteger(total);
  }

  get lengthComputable(): boolean {
    return this.#lengthComputable;
  }
  get loaded(): number {
    return this.#loaded;
  }
  get total(): number {
    return this.#total;
  }
}

defineInterface(ProgressEvent, 'ProgressEvent', { constructor: 1 });
