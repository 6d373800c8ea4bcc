import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startTestStack, type TestStack, until } from '@proxylet/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SigningIssuer } from '../support/signing-issuer.js';
import { type RawAnswer, rawRequest } from '../support/raw-request.js';
import { hello } from '../support/sources.js';
import { type AttackGround, tokenAttacks } from '../support/token-attacks.js';

let issuer: SigningIssuer;
let stack: TestStack;

beforeAll(async () => {
  issuer = await SigningIssuer.start();
  const settings = { PROXYLET_LOG_LEVEL: 'debug' };
  const furtherIssuers = [{ issuer: issuer.url }];
  stack = await startTestStack({ furtherIssuers, catalog: settings, engine: settings });
  await stack.publish({ name: 'good/hello', source: hello });
  const install = {
    method: 'PUT',
    headers: { ...allowed(ofEngine()), 'content-type': 'application/json' },
  };
  const url = `${stack.engine.url}/v1/installations/good/hello`;
  expect((await fetch(url, { ...install, body: '{"consent":true}' })).status).toBe(201);
});

afterAll(async () => {
  await stack[Symbol.asyncDispose]();
  await issuer[Symbol.asyncDispose]();
});

const catalogAudience = 'urn:proxylet:catalog';
const engineAudience = 'urn:proxylet:engine:local';

function ground(audience: string, otherAudience: string, scope: string): AttackGround {
  return {
    issuer,
    audience,
    otherAudience,
    claims: { aud: audience, sub: 'alice', client_id: 'web', scope },
  };
}

const ofEngine = (): AttackGround => ground(engineAudience, catalogAudience, 'engine:invoke engine:install');

function allowed({ claims }: AttackGround): { authorization: string } {
  return { authorization: `Bearer ${issuer.token(claims)}` };
}

/** Long enough to be a part of a token, of all that was sent. */
const sentTexts = new Set<string>();

function textsOf(lines: readonly string[]): string[] {
  return lines
    .join('\n')
    .split(/[\s.=,]+/)
    .filter((text) => text.length > 40);
}

interface Target {
  readonly name: string;
  readonly path: string;
  readonly url: () => string;
  readonly ground: () => AttackGround;
}

const targets: readonly Target[] = [
  {
    name: 'the catalog',
    path: '/v1/proxylets',
    url: () => stack.catalog.url,
    ground: () => ground(catalogAudience, engineAudience, 'catalog:read'),
  },
  {
    name: 'the management of the engine',
    path: '/v1/installations',
    url: () => stack.engine.url,
    ground: ofEngine,
  },
  {
    name: 'the calls of the engine',
    path: '/run/good/hello/',
    url: () => stack.engine.url,
    ground: ofEngine,
  },
];

/** Texts of an answer that a token could be read from. */
function assertRefused({ status, head, body }: RawAnswer, lines: readonly string[]): void {
  expect(status, body.slice(0, 300)).toBeGreaterThanOrEqual(400);
  expect(status, body.slice(0, 300)).toBeLessThan(500);
  expect([400, 401, 431]).toContain(status);
  expect(head).toContain('content-type: application/problem+json');
  if (status === 401) expect(head).toMatch(/www-authenticate: bearer realm="proxylet-(catalog|engine)"/);
  for (const text of textsOf(lines)) {
    sentTexts.add(text);
    expect(`${head}${body}`.includes(text)).toBe(false);
  }
}

it('the log tells of a refusal: why, from where, in the trace of the answer', async () => {
  const { body } = await rawRequest(stack.engine.url, {
    path: '/run/good/hello/',
    lines: [`Authorization: Bearer ${issuer.token({ ...ofEngine().claims, aud: 'urn:elsewhere' })}`],
  });
  const { traceId } = JSON.parse(body) as { traceId: string };
  await until(() => stack.engine.lines.some((one) => one.includes(traceId)), {
    what: 'the line of the refusal',
  });
  const line = stack.engine.lines.find((one) => one.includes(traceId)) ?? '{}';
  expect(JSON.parse(line)).toMatchObject({
    code: 'invalid-token',
    reason: 'it is for another audience',
    address: '127.0.0.1',
  });
});

describe.each(targets)('$name', (target) => {
  it('lets the token in that all the others are made from', async () => {
    const good = allowed(target.ground());
    const answer = await rawRequest(target.url(), {
      path: target.path,
      lines: [`Authorization: ${good.authorization}`],
    });
    expect(answer.status).toBe(200);
  });

  it.each(tokenAttacks)('refuses a token $name', async ({ lines }) => {
    const sent = await lines(target.ground());
    assertRefused(await rawRequest(target.url(), { path: target.path, lines: sent }), sent);
  });

  it('takes no token out of the address or a form', async () => {
    const token = issuer.token(target.ground().claims);
    for (const name of ['access_token', 'token', 'jwt', 'authorization']) {
      const path = `${target.path}?${name}=${token}`;
      expect((await rawRequest(target.url(), { path, lines: [] })).status).toBe(401);
    }
    const body = `access_token=${token}`;
    const lines = ['Content-Type: application/x-www-form-urlencoded', `Content-Length: ${body.length}`];
    const answer = await rawRequest(target.url(), { method: 'POST', path: target.path, lines, body });
    expect([401, 404, 405, 415]).toContain(answer.status);
  });

  it('says to a caller without a token where to get one, and nothing of an error', async () => {
    const { status, head } = await rawRequest(target.url(), { path: target.path, lines: [] });
    expect(status).toBe(401);
    expect(head).toContain('resource_metadata="');
    expect(head).not.toContain('error=');
  });
});

describe('the logs of the whole run', () => {
  it('hold no token and no secret, nor a part of one', async () => {
    for (const user of ['alice', 'paula'] as const)
      for (const audience of ['catalog', 'engine'] as const)
        for (const text of textsOf([await stack.token(user, audience)])) sentTexts.add(text);
    const secret = await readFile(join(stack.stateDir, 'idm/engine-client-secret'), 'utf8');
    const lines = [stack.catalog, stack.engine, stack.idm].flatMap((service) => service.lines);
    expect(lines.length).toBeGreaterThan(50);
    expect(sentTexts.size).toBeGreaterThan(200);
    for (const text of [...sentTexts, secret.trim()]) {
      const holding = lines.filter((line) => line.includes(text));
      expect(holding.map((line) => line.replaceAll(text, '<secret>'))).toEqual([]);
    }
    expect(lines.some((line) => /eyJ[\w-]{20}/.test(line))).toBe(false);
  });
});

describe('a flood', () => {
  it('of a thousand keys nobody knows costs the issuer a fetch or two', async () => {
    const before = issuer.keyFetches;
    const tokens = Array.from({ length: 1000 }, (_, i) =>
      issuer.token(ofEngine().claims, { kid: `nobody-${i}` }),
    );
    const statuses = new Set<number>();
    for (let from = 0; from < tokens.length; from += 50) {
      const answers = tokens.slice(from, from + 50).map(async (token) => {
        const headers = { authorization: `Bearer ${token}` };
        const answer = await fetch(`${stack.engine.url}/v1/installations`, { headers });
        await answer.body?.cancel();
        return answer.status;
      });
      for (const status of await Promise.all(answers)) statuses.add(status);
    }
    expect([...statuses]).toEqual([401]);
    expect(issuer.keyFetches - before).toBeLessThanOrEqual(2);
  });

  it('leaves a good token good', async () => {
    const headers = allowed(ofEngine());
    expect(await (await fetch(`${stack.engine.url}/run/good/hello/`, { headers })).text()).toBe('hello');
  });
});

it('has at least 60 cases', () => {
  expect(tokenAttacks.length).toBeGreaterThanOrEqual(60);
  expect(new Set(tokenAttacks.map(({ name }) => name)).size).toBe(tokenAttacks.length);
});
