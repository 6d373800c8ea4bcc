import { type Blame, type ProblemCode, problemCodes } from './problem-codes.js';

/** One fault inside a larger input, found by an RFC 6901 JSON pointer. */
export interface ProblemFault {
  /** `''` points at the whole document. */
  readonly pointer: string;
  readonly detail: string;
}

export interface ProblemOptions {
  readonly errors?: readonly ProblemFault[] | undefined;
  /** Becomes the `Retry-After` header, in seconds. */
  readonly retryAfterSeconds?: number | undefined;
  /** Further members of the answer (RFC 9457 §3.2); never a secret. */
  readonly extra?: Readonly<Record<string, unknown>> | undefined;
  /** Goes to the log only, never over the wire. */
  readonly cause?: unknown;
}

/** The RFC 9457 body, as sent in `application/problem+json`. */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ProblemCode;
  readonly traceId?: string | undefined;
  readonly errors?: readonly ProblemFault[] | undefined;
  readonly [member: string]: unknown;
}

/**
 * The one error of the product's own logic: a stable code and a sentence for whoever reads it. The code decides
 * HTTP status and blame, so that logic holds no HTTP words. `detail` is shown to callers: no secret, no path of
 * the box, no guest-controlled text beyond what its owner may read.
 */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly errors: readonly ProblemFault[] | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly extra: Readonly<Record<string, unknown>> | undefined;

  constructor(
    readonly code: ProblemCode,
    readonly detail: string,
    options: ProblemOptions = {},
  ) {
    super(`${code}: ${detail}`, options.cause === undefined ? undefined : { cause: options.cause });
    this.errors = options.errors;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.extra = options.extra;
  }

  get status(): number {
    return problemCodes[this.code].status;
  }

  get blame(): Blame {
    return problemCodes[this.code].blame;
  }

  toBody(traceId?: string): ProblemBody {
    const { status, title } = problemCodes[this.code];
    return {
      ...this.extra,
      type: `urn:proxylet:problem:${this.code}`,
      title,
      status,
      detail: this.detail,
      code: this.code,
      ...(traceId === undefined ? {} : { traceId }),
      ...(this.errors === undefined ? {} : { errors: this.errors }),
    };
  }
}

export function isProblemCode(value: unknown): value is ProblemCode {
  return typeof value === 'string' && Object.hasOwn(problemCodes, value);
}
