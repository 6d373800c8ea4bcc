import { FrameWriter } from '../wire/frames.js';

/** Frames out of the runner, gathered: one write for each batch of work, at the latest after the current turn. */
export class Output {
  private readonly writer: FrameWriter;
  private isBatching = false;
  private isScheduled = false;

  constructor(write: (parts: readonly Uint8Array[]) => void) {
    this.writer = new FrameWriter(write);
  }

  frame(type: number, id: number, arg = 0, text = '', bytes?: Uint8Array): void {
    this.writer.frame(type, id, arg, text, bytes);
    if (this.isBatching || this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      this.writer.flush();
    });
  }

  batch(work: () => void): void {
    this.isBatching = true;
    try {
      work();
    } finally {
      this.isBatching = false;
      this.writer.flush();
    }
  }
}
