import { expect, it } from 'vitest';
import { expectProblem } from '../support/problem.js';
import { saying } from '../support/sources.js';
import { useStack } from '../support/use-stack.js';

const name = 'acme/secret';
const suite = useStack({}, async (stack) => {
  await stack.publish({ name, source: saying('between us') });
  await stack.send('PATCH', `${stack.catalog.url}/v1/proxylets/${name}`, 'paula', 'catalog', {
    visibility: 'private',
    reason: 'for our engine only',
  });
});

/** The engine reads as itself, whoever asks it to install. */
const memberUrl = (): string => {
  const { idm, catalog } = suite.stack;
  const principal = encodeURIComponent(`service|${idm.url}|engine-local`);
  return `${catalog.url}/v1/namespaces/acme/members/${principal}`;
};

const tryInstall = async (user: 'alice' | 'bob'): Promise<Response> =>
  fetch(`${suite.stack.engine.url}/v1/installations/${name}`, {
    method: 'PUT',
    headers: {
      authorization: await suite.stack.bearer(user, 'engine'),
      'content-type': 'application/json',
    },
    body: JSON.stringify({ version: '*', consent: true }),
  });

it('an engine that is no member of the namespace finds nothing there, even for its owner', async () => {
  const problem = await expectProblem(await tryInstall('alice'), 'not-found', 'unresolvable');
  const { traceId: _, ...told } = problem;
  const none = await fetch(`${suite.stack.engine.url}/v1/installations/acme/nothing`, {
    method: 'PUT',
    headers: {
      authorization: await suite.stack.bearer('alice', 'engine'),
      'content-type': 'application/json',
    },
    body: JSON.stringify({ version: '*', consent: true }),
  });
  const { traceId: _none, ...toldOfNone } = await expectProblem(none, 'not-found', 'unresolvable');
  expect(JSON.stringify(told).replaceAll(name, 'acme/nothing')).toBe(JSON.stringify(toldOfNone));
});

it('as a reader of the namespace it installs and runs what is private, and what runs goes on without it', async () => {
  const { stack } = suite;
  await stack.send('PUT', memberUrl(), 'paula', 'catalog', { role: 'reader' });
  await stack.install('alice', name);
  expect(await (await stack.run('alice', name)).text()).toBe('between us');
  const direct = await fetch(`${stack.catalog.url}/v1/proxylets/${name}`, {
    headers: { authorization: await stack.bearer('alice', 'catalog') },
  });
  await expectProblem(direct, 'not-found');
  await stack.send('DELETE', memberUrl(), 'paula', 'catalog');
  expect(await (await stack.run('alice', name)).text()).toBe('between us');
});

it('once it is a member no more, it installs it for nobody else', async () => {
  await expectProblem(await tryInstall('bob'), 'not-found', 'unresolvable');
});
