import type { Headers } from './headers.js';

/** What a response says of its own keeping (RFC 9111 §5.2.2, RFC 5861 §4), seconds. */
export interface KeepingRules {
  readonly isStorable: boolean;
  readonly freshSeconds: number;
  readonly staleIfErrorSeconds: number;
}

export function keepingRulesOf(headers: Headers): KeepingRules {
  const directives = directivesOf(headers.get('cache-control'));
  // A cookie is meant for the one who asked; a cache may have many readers.
  const isForMany = !directives.has('private') && !headers.has('set-cookie');
  const isStorable = !directives.has('no-store') && isForMany && headers.get('vary') !== '*';
  const fresh = directives.get('s-maxage') ?? directives.get('max-age');
  return {
    isStorable,
    freshSeconds: directives.has('no-cache') ? 0 : secondsOf(fresh),
    staleIfErrorSeconds: secondsOf(directives.get('stale-if-error')),
  };
}

function directivesOf(text: string | null): Map<string, string> {
  const directives = new Map<string, string>();
  for (const part of (text ?? '').split(',')) {
    const [name = '', value = ''] = part.split('=', 2);
    const key = name.trim().toLowerCase();
    if (key !== '' && !directives.has(key)) directives.set(key, value.trim().replaceAll('"', ''));
  }
  return directives;
}

/** RFC 9111 §1.2.2: what is no whole number counts as nothing. */
function secondsOf(text: string | undefined): number {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : 0;
}
