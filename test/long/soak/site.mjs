import { startTestStack } from '@proxylet/testing';
import { kinds } from './kinds.mjs';

export const versions = ['1.0.0', '1.1.0'];
const users = ['alice', 'bob'];
const namespaces = ['soak-a', 'soak-b', 'soak-c', 'soak-d'];
/** Shorter than a token is good for. */
const tokenMs = 20 * 60 * 1000;

/** One real stack, every proxylet published in both versions, 52 installations of two users. */
export async function startSite(settings) {
  const stack = await startTestStack({ engine: settings });
  try {
    const installations = [];
    for (const [namespace, kind] of places()) {
      await publish(stack, namespace, kind);
      for (const user of users) {
        const installation = await install(stack, user, namespace, kind);
        installations.push(installation);
      }
    }
    return { stack, installations, bearer: bearers(stack) };
  } catch (error) {
    await stack[Symbol.asyncDispose]();
    throw error;
  }
}

/** Namespace and kind of each proxylet; what harms, or comes and goes, has a namespace of its own. */
function places() {
  const [apart, common] = [true, false].map((isApart) =>
    Object.keys(kinds).filter((kind) => (kinds[kind].isApart === true) === isApart),
  );
  return [
    ...namespaces.flatMap((namespace) => common.map((kind) => [namespace, kind])),
    ...apart.map((kind) => ['soak-x', kind]),
  ];
}

async function publish(stack, namespace, kind) {
  const { source, manifest, dependsOn } = kinds[kind];
  const dependencies = dependsOn === undefined ? {} : { [`${namespace}/${dependsOn}`]: '^1' };
  for (const version of versions) {
    await stack.publish({
      name: `${namespace}/${kind}`,
      version,
      source: source(version),
      manifest: { ...manifest, dependencies },
    });
  }
}

async function install(stack, user, namespace, kind) {
  const name = `${namespace}/${kind}`;
  await stack.install(user, name, { version: versions[0] });
  return {
    user,
    subject: user,
    name,
    kind,
    /** Versions that may answer now: one, or both while it is updated. A new set for each change. */
    versions: new Set([versions[0]]),
    mayBe: new Set(['there']),
    isChanging: false,
    /** Of `kv`: increments asked for, and counts that were given. */
    sent: 0,
    counts: new Set(),
  };
}

function bearers(stack) {
  const known = new Map();
  return async (user) => {
    const held = known.get(user);
    if (held !== undefined && held.untilMs > performance.now()) return held.bearer;
    const body = new URLSearchParams({ user, audience: 'engine' });
    const response = await fetch(`${stack.idm.url}/dev/token`, { method: 'POST', body });
    const bearer = `Bearer ${(await response.json()).access_token}`;
    known.set(user, { bearer, untilMs: performance.now() + tokenMs });
    return bearer;
  };
}
