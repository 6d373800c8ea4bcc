export interface Fault {
  /** RFC 6901 pointer into the body, or the name of a query parameter. */
  readonly pointer: string;
  readonly detail: string;
}

/** A refusal with a stable code; `respond` turns it into an RFC 9457 answer. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly errors: readonly Fault[] = [],
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(detail);
  }
}

/** Answers with what `handle` returns or with the refusal it throws; anything else stays an exception. */
export async function respond(handle: () => Promise<Response> | Response): Promise<Response> {
  try {
    return await handle();
  } catch (error) {
    if (error instanceof Refusal) return problem(error);
    throw error;
  }
}

export function json(value: unknown, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(`${JSON.stringify(value)}\n`, {
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
  });
}

/** @throws Refusal `method-not-allowed` */
export function allowMethods(request: Request, ...methods: readonly string[]): void {
  if (methods.includes(request.method)) return;
  const allow = methods.join(', ');
  throw new Refusal(405, 'method-not-allowed', `This address takes ${allow}.`, [], { allow });
}

function problem({ status, code, detail, errors, headers }: Refusal): Response {
  const body = { type: `urn:proxylet:problem:${code}`, title: code, status, detail, code };
  return new Response(`${JSON.stringify(errors.length > 0 ? { ...body, errors } : body)}\n`, {
    status,
    headers: { 'content-type': 'application/problem+json; charset=utf-8', ...headers },
  });
}
