import { Problem } from '@proxylet/contract';
import {
  type GuestRequest,
  GuestVisibleError,
  type OnBehalf,
  type OutboundRequest,
  type OutboundResponse,
  type Sandbox,
} from '@proxylet/sandbox';
import type { Active } from './installations/active.js';
import type { InstallationRegistry } from './installations/registry.js';

/** How many proxylets may call one another before it is taken for a circle without an end. */
const maxDepth = 8;

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
    { user, traceId, depth }: OnBehalf,
    signal: AbortSignal,
  ): Promise<OutboundResponse> {
    const { record } = caller;
    if (!Object.hasOwn(record.manifest.dependencies ?? {}, name)) {
      throw new GuestVisibleError('TypeError', `${name} is no dependency of ${record.name}.`);
    }
    if (depth >= maxDepth) {
      throw new GuestVisibleError(
        'QuotaExceededError',
        `Calls between proxylets are nested ${maxDepth} deep.`,
      );
    }
    const target = this.registry.find(record.owner.key, name);
    if (target === undefined) throw new GuestVisibleError('NetworkError', `${name} is not installed.`);
    const { method, url, headers, body } = request;
    return this.invoke(target, { method, url, headers, body, user, signal, traceId, depth: depth + 1 });
  }

  private async invoke(target: Active, request: GuestRequest): Promise<OutboundResponse> {
    const startedMs = performance.now();
    target.entered();
    try {
      const { status, headers, body } = await this.sandbox().invoke(target.guest, request);
      target.ran();
      target.stats.add('ok', (performance.now() - startedMs) / 1000);
      return { status, statusText: '', url: request.url, redirected: false, headers, body };
    } catch (error) {
      const problem = target.fault ?? error;
      const code = problem instanceof Problem ? problem.code : 'internal';
      target.stats.add(code, (performance.now() - startedMs) / 1000);
      const detail = problem instanceof Problem ? problem.detail : 'it failed';
      throw new GuestVisibleError('NetworkError', `${target.record.name}: ${code}: ${detail}`);
    } finally {
      target.left();
    }
  }
}
