import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { ContainmentReport } from '../types.js';
import { openRunnerCgroup, type RunnerCgroup } from './runner-cgroup.js';

/** How runner processes are started on this machine, and which layers of containment it denies. */
export interface Containment {
  /** Command line that starts the program with every layer there is. */
  readonly wrap: (
    program: string,
    args: readonly string[],
  ) => readonly [program: string, args: readonly string[]];
  /** Where runners are put once they run; undefined where there is none. */
  readonly cgroup: RunnerCgroup | undefined;
  readonly denied: readonly { readonly layer: string; readonly reason: string }[];
  readonly report: ContainmentReport;
}

export interface ContainmentOptions {
  /** Files that a runner must be able to read as whoever it runs as. */
  readonly files: readonly string[];
  /** First and last of the user ids that runners of an engine of root get, each its own. */
  readonly userIds?: readonly [first: number, last: number] | undefined;
  /** A delegated folder of cgroup v2, with `memory` for its children. */
  readonly cgroup?: string | undefined;
  readonly isRoot?: boolean | undefined;
  /** Told of a layer that fails later on. */
  readonly onFault?: ((layer: string, reason: string) => void) | undefined;
}

/** A program of util-linux that starts another with something taken away. */
interface Layer {
  readonly tool: string;
  readonly flags: () => readonly string[];
}

const folders = ['/usr/bin', '/bin', '/usr/sbin', '/sbin'];
const probeTimeoutMs = 5000;
/** A runner has some ten descriptors and thirty threads; of these an escaped guest shall not have many more. */
const maxFiles = 256;
const maxTasks = 512;

/**
 * Looks once at what the machine allows; each layer is tried together with those before it.
 *
 * A network namespace leaves a runner without any interface but a loopback that is down: Node's permission model of
 * this version does not limit sockets (security.md §8, row 7). The user namespace beside it gives the right to make
 * one without being root, and in it the runner is nobody.
 */
export function detectContainment(options: ContainmentOptions): Containment {
  const found = new Layers(options.files);
  const isRoot = options.isRoot ?? process.getuid?.() === 0;
  const hasLimits = found.add('runner-resources', 'runners keep the limits of the engine', {
    tool: 'prlimit',
    flags: () => ['--core=0', `--nofile=${maxFiles}`],
  });
  const hasUser = isRoot && addUser(found, options.userIds);
  const hasNoNew =
    hasUser ||
    found.add('runner-privileges', 'runners may gain privileges', {
      tool: 'setpriv',
      flags: () => ['--no-new-privs'],
    });
  const hasNetwork =
    found.add(undefined, '', { tool: 'unshare', flags: () => ['--user', '--net'] }) ||
    found.add('runner-network', 'runners keep the network of the host', {
      tool: 'unshare',
      flags: () => ['--map-root-user', '--net'],
    });
  const cgroup = cgroupOf(options, found);
  return {
    wrap: (program, args) => found.wrap(program, args),
    cgroup,
    denied: found.denied,
    report: {
      network: hasNetwork ? 'namespace' : 'open',
      user: hasUser ? 'own' : isRoot ? 'root' : 'engine',
      privileges: hasNoNew ? 'no-new' : 'open',
      resources: hasLimits ? 'limited' : 'open',
      memory: cgroup === undefined ? watched(found) : 'cgroup',
      files: 'permission-model',
    },
  };
}

/** Each runner is somebody else, so that none may signal or look into another, even of another publisher. */
function addUser(found: Layers, userIds: ContainmentOptions['userIds']): boolean {
  if (userIds === undefined) {
    found.deny('runner-user', 'runners run as root: no user ids are configured for them');
    return false;
  }
  const [first, last] = userIds;
  let next = first;
  const flags = (): readonly string[] => {
    const id = next;
    next = next === last ? first : next + 1;
    return [`--reuid=${id}`, `--regid=${id}`, '--clear-groups', '--no-new-privs'];
  };
  const isAdded = found.add('runner-user', 'runners run as root', { tool: 'setpriv', flags });
  // Counted by user: only where nobody else is that user.
  if (isAdded) found.add(undefined, '', { tool: 'prlimit', flags: () => [`--nproc=${maxTasks}`] });
  return isAdded;
}

function cgroupOf({ cgroup, onFault }: ContainmentOptions, found: Layers): RunnerCgroup | undefined {
  if (cgroup === undefined) return undefined;
  const opened = openRunnerCgroup(cgroup, (reason) => onFault?.('runner-memory', reason));
  if (typeof opened !== 'string') return opened;
  found.deny('runner-memory', `runners have no limit of memory from the system: ${opened}`);
  return undefined;
}

function watched(found: Layers): ContainmentReport['memory'] {
  if (existsSync('/proc/self/statm')) return 'watched';
  found.deny('runner-memory', 'there is no /proc: the resident size of runners is not watched');
  return 'unwatched';
}

class Layers {
  readonly denied: { readonly layer: string; readonly reason: string }[] = [];
  private readonly layers: Layer[] = [];

  constructor(private readonly files: readonly string[]) {}

  /** @param name told as denied where the layer cannot be had; undefined where another may take its place */
  add(name: string | undefined, loss: string, { tool, flags }: Layer): boolean {
    const path = folders.map((folder) => `${folder}/${tool}`).find((one) => existsSync(one));
    const layer = { tool: path ?? tool, flags };
    const refusal = path === undefined ? `the program ${tool} is not installed` : this.probe(layer);
    if (refusal === undefined) this.layers.push(layer);
    else if (name !== undefined) this.deny(name, `${loss}: ${refusal}`);
    return refusal === undefined;
  }

  deny(layer: string, reason: string): void {
    this.denied.push({ layer, reason });
  }

  wrap(program: string, args: readonly string[]): readonly [string, readonly string[]] {
    return wrapIn(this.layers, program, args);
  }

  /** Whether the program and its files can still be read from inside. */
  private probe(layer: Layer): string | undefined {
    const script = 'for file; do [ -r "$file" ] || { echo "$file cannot be read" >&2; exit 1; }; done';
    const args = ['-c', script, 'sh', process.execPath, ...this.files];
    const [program, all] = wrapIn([...this.layers, layer], '/bin/sh', args);
    const { status, stderr, error } = spawnSync(program, all, {
      encoding: 'utf8',
      timeout: probeTimeoutMs,
      env: {},
      cwd: '/',
    });
    if (status === 0) return undefined;
    return error?.message ?? (stderr.trim().split('\n').at(-1) || 'it was refused');
  }
}

/** The first layer is the outermost: what it takes away is gone for those inside. */
function wrapIn(
  layers: readonly Layer[],
  program: string,
  args: readonly string[],
): readonly [string, readonly string[]] {
  const [first = program, ...rest] = [
    ...layers.flatMap(({ tool, flags }) => [tool, ...flags(), '--']),
    program,
    ...args,
  ];
  return [first, rest];
}
