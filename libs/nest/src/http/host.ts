import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

export interface HostPolicy {
  allows(request: IncomingMessage): boolean;
}

/**
 * Whether a request is meant for this server, by its `Host` header. It stops DNS rebinding: a hostile page needs a
 * name of its own that points here, so addresses and `localhost` are harmless and any other name must be listed.
 *
 * @param hosts names without port; `*` answers every name
 * @param publicUrl read at every request, since a free port is known only after listening
 */
export function hostPolicy(hosts: readonly string[], publicUrl?: () => string): HostPolicy {
  const names = new Set(hosts);
  const anything = names.has('*');
  return {
    allows: ({ headers }) => {
      if (anything) return true;
      const name = hostNameOf(headers.host);
      if (name === undefined) return false;
      if (name === 'localhost' || isIP(name) !== 0 || names.has(name)) return true;
      return publicUrl !== undefined && new URL(publicUrl()).hostname === name;
    },
  };
}

function hostNameOf(host: string | undefined): string | undefined {
  if (host === undefined || host.length > 300) return undefined;
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::\d{1,5})?$/.exec(host);
  return (match?.[1] ?? match?.[2])?.toLowerCase();
}
