import { Problem } from '@proxylet/contract';

export interface FormPart {
  readonly name: string;
  /** To be read to its end before the next part is asked for. */
  readonly content: AsyncIterable<Buffer>;
}

const headersMaxBytes = 8 * 1024;
const lineEnd = Buffer.from('\r\n');
const headersEnd = Buffer.from('\r\n\r\n');

/**
 * Parts of a `multipart/form-data` body (RFC 7578) in order, as they arrive, in constant memory.
 *
 * @throws Problem `invalid-request` for what is none
 */
export async function* formParts(
  source: AsyncIterable<Buffer>,
  contentType: string | undefined,
): AsyncGenerator<FormPart> {
  const boundary = boundaryOf(contentType);
  const input = new Input(source[Symbol.asyncIterator]());
  try {
    await input.expect(Buffer.from(`--${boundary}`));
    const delimiter = Buffer.from(`\r\n--${boundary}`);
    while (await input.hasPart()) {
      const content = input.upTo(delimiter);
      yield { name: nameOf(await input.headers()), content };
      for await (const _rest of content);
    }
  } finally {
    await input.close();
  }
}

class Input {
  private pending: Buffer = Buffer.alloc(0);

  constructor(private readonly source: AsyncIterator<Buffer>) {}

  async close(): Promise<void> {
    await this.source.return?.();
  }

  async expect(text: Buffer): Promise<void> {
    await this.need(text.length);
    if (!this.pending.subarray(0, text.length).equals(text))
      throw malformed('does not begin with its boundary');
    this.pending = this.pending.subarray(text.length);
  }

  /** After a boundary: `--` ends the form, a line end begins a part. */
  async hasPart(): Promise<boolean> {
    await this.need(2);
    const mark = this.pending.subarray(0, 2);
    this.pending = this.pending.subarray(2);
    if (mark.equals(lineEnd)) return true;
    if (mark.toString('latin1') === '--') return false;
    throw malformed('has something after a boundary');
  }

  async headers(): Promise<string> {
    // A part without any header begins with the empty line.
    this.pending = Buffer.concat([lineEnd, this.pending]);
    let end = this.pending.indexOf(headersEnd);
    while (end < 0) {
      if (this.pending.length > headersMaxBytes) throw malformed('has a part with headers that are too long');
      await this.need(this.pending.length + 1);
      end = this.pending.indexOf(headersEnd);
    }
    const text = this.pending.toString('utf8', 0, end);
    this.pending = this.pending.subarray(end + headersEnd.length);
    return text;
  }

  /** Bytes before the delimiter, which is passed over. */
  async *upTo(delimiter: Buffer): AsyncGenerator<Buffer> {
    for (;;) {
      const at = this.pending.indexOf(delimiter);
      const length = at < 0 ? this.pending.length - delimiter.length + 1 : at;
      if (length > 0) {
        const chunk = this.pending.subarray(0, length);
        this.pending = this.pending.subarray(length);
        yield chunk;
      }
      if (at >= 0) {
        this.pending = this.pending.subarray(delimiter.length);
        return;
      }
      await this.need(this.pending.length + 1);
    }
  }

  private async need(length: number): Promise<void> {
    while (this.pending.length < length) {
      const next = await this.source.next();
      if (next.done === true) throw malformed('ends before its last boundary');
      this.pending = Buffer.concat([this.pending, next.value]);
    }
  }
}

function boundaryOf(contentType = ''): string {
  const match = /^multipart\/form-data;(?:[^"]*;)?\s*boundary=(?:"([^"\r\n]{1,70})"|([^\s;,"]{1,70}))/i.exec(
    contentType,
  );
  const boundary = match?.[1] ?? match?.[2];
  if (boundary !== undefined) return boundary;
  throw malformed('has no boundary in its Content-Type');
}

function nameOf(headers: string): string {
  const disposition = /\r\ncontent-disposition:[ \t]*form-data([^\r\n]*)/i.exec(headers)?.[1] ?? '';
  const name = /;[ \t]*name="([^"\r\n]{1,300})"/i.exec(disposition)?.[1];
  if (name !== undefined) return name;
  throw malformed('has a part without a name');
}

/** `why` completes the sentence "The form … <why>." */
function malformed(why: string): Problem {
  return new Problem('invalid-request', `The form ${why}.`, {
    errors: [{ pointer: '/body', detail: why }],
  });
}
