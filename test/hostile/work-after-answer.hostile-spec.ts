import { childrenOf, cpuTimeMs, until } from '@proxylet/testing';
import { expect, it } from 'vitest';
import { cpuAttackLimits } from '../support/attack-list.js';
import { useStack } from '../support/use-stack.js';

const burn = 'const end = Date.now() + 100; while (Date.now() < end);';

const suite = useStack();

/** CPU time that all runners have used, ms. */
function busyMs(): number {
  return childrenOf(suite.stack.engine.pid).reduce((sum, pid) => sum + (cpuTimeMs(pid) ?? 0), 0);
}

/** Runners together use less than a quarter of a core. */
async function comesToRest(): Promise<void> {
  await until(
    async () => {
      const before = busyMs();
      await new Promise((resolve) => {
        setTimeout(resolve, 400);
      });
      return busyMs() - before < 100;
    },
    { what: 'the runners come to rest' },
  );
}

it.each([
  ['interval', `setInterval(() => { ${burn} }, 0);`],
  ['timer-chain', `const again = () => { ${burn} setTimeout(again, 0); }; again();`],
  [
    'promise-chain',
    `(async () => { for (;;) { await new Promise((resolve) => setTimeout(resolve, 0)); ${burn} } })();`,
  ],
  [
    'wait-until',
    `ctx.waitUntil((async () => { for (;;) { await new Promise((resolve) => setTimeout(resolve, 0)); ${burn} } })());`,
  ],
])('%s of a call that was answered does not go on for ever', async (name, code) => {
  await suite.stack.deploy('alice', {
    name: `after/${name}`,
    source: `export default { fetch(request, env, ctx) { ${code} return new Response('answered'); } };`,
    manifest: { limits: cpuAttackLimits },
  });
  expect(await (await suite.stack.run('alice', `after/${name}`)).text()).toBe('answered');
  await comesToRest();
});
