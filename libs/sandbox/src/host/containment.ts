import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** How runner processes are started on this machine, and which layers of containment it denies. */
export interface Containment {
  /** Command line that starts the program with every layer there is. */
  readonly wrap: (
    program: string,
    args: readonly string[],
  ) => readonly [program: string, args: readonly string[]];
  readonly denied: readonly { readonly layer: string; readonly reason: string }[];
}

const unsharePaths = ['/usr/bin/unshare', '/bin/unshare'];
const probeTimeoutMs = 2000;

/**
 * Looks once at what the machine allows. A network namespace of its own leaves a runner without any interface but
 * a loopback that is down: Node's permission model of this version does not limit sockets (security.md §8, row 7).
 */
export function detectContainment(): Containment {
  const denied: { layer: string; reason: string }[] = [];
  if (!existsSync('/proc/self/statm')) {
    denied.push({
      layer: 'runner-memory',
      reason: 'there is no /proc: the resident size of runners is not watched',
    });
  }
  const unshare = unsharePaths.find((path) => existsSync(path));
  const refusal = unshare === undefined ? 'the program unshare is not installed' : probe(unshare);
  if (unshare === undefined || refusal !== undefined) {
    denied.push({
      layer: 'runner-network',
      reason: `runners keep the network of the host: ${refusal ?? ''}`,
    });
    return { wrap: (program, args) => [program, args], denied };
  }
  return { wrap: (program, args) => [unshare, [...networkFlags, '--', program, ...args]], denied };
}

/** A user namespace of its own gives the right to make the network namespace without being root. */
const networkFlags = ['--map-root-user', '--net'];

function probe(unshare: string): string | undefined {
  const { status, stderr, error } = spawnSync(unshare, [...networkFlags, '--', '/bin/true'], {
    encoding: 'utf8',
    timeout: probeTimeoutMs,
    env: {},
  });
  if (status === 0) return undefined;
  return error?.message ?? (stderr.trim().split('\n').at(-1) || 'unshare was refused');
}
