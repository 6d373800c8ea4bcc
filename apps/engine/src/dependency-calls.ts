import type { Readable } from 'node:stream';
import { Problem } from '@proxylet/contract';
import {
  type GuestRequest,
  GuestVisibleError,
  newSpanId,
  type OnBehalf,
  type OutboundRequest,
  type OutboundResponse,
  type Sandbox,
  withTrace,
} from '@proxylet/sandbox';
import type { Active } from './installations/active.js';
import type { InstallationRegistry } from './installations/registry.js';

/** How many proxylets may call one another, or send messages on a message. */
export const maxDepth = 8;

/**
 * What a call or a message that would be too deep is refused with. Coming by a proxylet again is no fault by itself
 * (one may call back); where it happened on the way to the limit, the circle is what is told.
 *
 * @param chain names of those on the way, first caller first
 */
export function tooDeep(chain: readonly string[]): GuestVisibleError {
  const again = chain.find((name, index) => chain.indexOf(name) < index);
  if (again === undefined) {
    const text = `call-depth: calls and messages between proxylets are nested ${maxDepth} deep`;
    return new GuestVisibleError('QuotaExceededError', `${text}.`, 'depth');
  }
  const first = chain.indexOf(again);
  const circle = [...chain.slice(first, chain.indexOf(again, first + 1)), again].join(' → ');
  return new GuestVisibleError(
    'QuotaExceededError',
    `call-cycle: calls and messages go round in a circle: ${circle}, and are nested ${maxDepth} deep.`,
    'depth',
  );
}

/**
 * Calls between proxylets of one owner: `env.<DEPENDENCY>.fetch`. Only what the manifest declares can be called, and
 * the one called sees the same user as the caller did.
 */
export class DependencyCalls {
  constructor(
    private readonly registry: InstallationRegistry,
    private readonly sandbox: () => Pick<Sandbox, 'invoke'>,
  ) {}

  /** @throws GuestVisibleError for the calling proxylet: which dependency failed, and how */
  async call(
    caller: Active,
    name: string,
    request: OutboundRequest,
    { user, traceId, trace: outer, depth, chain: before }: OnBehalf,
    signal: AbortSignal,
  ): Promise<OutboundResponse> {
    const { record } = caller;
    if (!Object.hasOwn(record.manifest.dependencies ?? {}, name)) {
      throw new GuestVisibleError('TypeError', `${name} is no dependency of ${record.name}.`);
    }
    const chain = [...before, record.name];
    if (depth >= maxDepth) throw tooDeep(chain);
    const target = this.registry.find(record.owner.key, name);
    if (target === undefined) throw new GuestVisibleError('NetworkError', `${name} is not installed.`);
    const { method, url, headers, body, bodyBytes } = request;
    const trace = { ...outer, spanId: newSpanId() };
    const own = { method, url, headers: withTrace(headers, traceId, trace), body, bodyBytes, trace };
    return this.invoke(target, { ...own, user, signal, traceId, depth: depth + 1, chain });
  }

  private async invoke(target: Active, request: GuestRequest): Promise<OutboundResponse> {
    const startedMs = performance.now();
    target.entered();
    try {
      const { status, headers, body, bodyBytes } = await this.sandbox().invoke(target.guest, request);
      target.ran();
      if (isStream(body)) body.once('close', () => target.left());
      else target.left();
      target.stats.add('ok', (performance.now() - startedMs) / 1000);
      return { status, statusText: '', url: request.url, redirected: false, headers, body, bodyBytes };
    } catch (error) {
      target.left();
      const problem = target.fault ?? error;
      const code = problem instanceof Problem ? problem.code : 'internal';
      target.stats.add(code, (performance.now() - startedMs) / 1000);
      const detail = problem instanceof Problem ? problem.detail : 'it failed';
      // All the way up: whoever made the first call shall hear that it went too deep.
      const limit = code === 'depth-limit' ? 'depth' : undefined;
      throw new GuestVisibleError('NetworkError', `${target.record.name}: ${code}: ${detail}`, limit);
    }
  }
}

function isStream(body: OutboundResponse['body']): body is Readable {
  return body !== undefined && !(body instanceof Uint8Array);
}
