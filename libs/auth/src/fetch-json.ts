export type Fetch = typeof globalThis.fetch;

/** Whatever kept a document of the identity manager from us; becomes an outage, never an acceptance. */
export class FetchFailed extends Error {
  override readonly name = 'FetchFailed';
}

const maxBytes = 256 * 1024;
const timeoutMs = 5000;

/**
 * One JSON document: status 200, no redirect, at most 256 KB, within 5 s.
 *
 * @throws FetchFailed with a sentence that names the address and holds nothing of the answer
 */
export async function fetchJson(fetch: Fetch, url: string, init: RequestInit = {}): Promise<unknown> {
  const { status, body } = await fetchLimited(fetch, url, init);
  if (status !== 200) throw new FetchFailed(`${url} answered ${status}`);
  return body;
}

/** As `fetchJson`, for whoever cares about other statuses: a body that is no JSON comes back as undefined then. */
export async function fetchLimited(
  fetch: Fetch,
  url: string,
  init: RequestInit,
): Promise<{ readonly status: number; readonly body: unknown }> {
  const { status, text } = await fetchCapped(fetch, url, init);
  try {
    return { status, body: JSON.parse(text) };
  } catch {
    if (status === 200) throw new FetchFailed(`${url} did not answer with JSON`);
    return { status, body: undefined };
  }
}

/** One text, within the same bounds. @throws FetchFailed */
export async function fetchText(fetch: Fetch, url: string, init: RequestInit = {}): Promise<string> {
  const { status, text } = await fetchCapped(fetch, url, init, '*/*');
  if (status !== 200) throw new FetchFailed(`${url} answered ${status}`);
  return text;
}

async function fetchCapped(
  fetch: Fetch,
  url: string,
  init: RequestInit,
  accept = 'application/json',
): Promise<{ readonly status: number; readonly text: string }> {
  try {
    const signal = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(init.signal ? [init.signal] : [])]);
    const response = await fetch(url, {
      ...init,
      redirect: 'manual',
      signal,
      headers: { accept, ...(init.headers as Record<string, string> | undefined) },
    });
    return { status: response.status, text: await readCapped(response, url) };
  } catch (error) {
    if (error instanceof FetchFailed) throw error;
    throw new FetchFailed(`${url} cannot be reached`, { cause: error });
  }
}

async function readCapped(response: Response, url: string): Promise<string> {
  if (response.body === null) return '';
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.byteLength;
    if (size > maxBytes) throw new FetchFailed(`${url} answered with more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
