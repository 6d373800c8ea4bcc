/** An answer of a service that a helper of the tests did not expect. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';

  constructor(
    readonly status: number,
    readonly body: string,
    what: string,
  ) {
    super(`${what} was answered with ${status}: ${body.slice(0, 2000)}`);
  }

  /** Problem code of the answer; undefined when it holds none. */
  get code(): string | undefined {
    try {
      return (JSON.parse(this.body) as { code?: string }).code;
    } catch {
      return undefined;
    }
  }
}

/** @throws RefusedError when the status is not 2xx */
export async function expectOk(response: Response, what: string): Promise<Response> {
  if (response.ok) return response;
  throw new RefusedError(response.status, await response.text(), what);
}
