import { digestOf } from '@proxylet/artifact';
import { packSource } from '@proxylet/testing';
import request from 'supertest';
import { describe, expect, it } from 'vitest';
import { expectProblem } from '../support/problem.js';
import { saying } from '../support/sources.js';
import { useStack } from '../support/use-stack.js';

const suite = useStack();

async function servedDigest(name: string, version = '1.0.0'): Promise<string> {
  const { stack } = suite;
  const authorization = await stack.bearer('alice', 'catalog');
  const { body } = await request(stack.catalog.url)
    .get(`/v1/proxylets/${name}/versions/${version}`)
    .set('authorization', authorization)
    .expect(200);
  const { digest } = body as { digest: string };
  const blob = await fetch(`${stack.catalog.url}/v1/blobs/${digest}`, { headers: { authorization } });
  expect(digestOf(new Uint8Array(await blob.arrayBuffer()))).toBe(digest);
  return digest;
}

describe('a published version', () => {
  it('is taken again with the same bytes, and refused with others: the first stays', async () => {
    const first = await suite.stack.publish({ name: 'acme/fixed', source: saying('first') });
    expect((await suite.stack.putArchive(first)).status).toBe(200);
    const other = packSource({ name: 'acme/fixed', source: saying('other') });
    expect(other.digest).not.toBe(first.digest);
    await expectProblem(await suite.stack.putArchive(other), 'version-exists');
    expect(await servedDigest('acme/fixed')).toBe(first.digest);
    await suite.stack.install('alice', 'acme/fixed');
    expect(await (await suite.stack.run('alice', 'acme/fixed')).text()).toBe('first');
  });

  it('is one of eight publishers at the same moment, the others are told so', async () => {
    await suite.stack.publish({ name: 'acme/race', version: '0.9.0', source: saying('before') });
    const packed = Array.from({ length: 8 }, (_, i) =>
      packSource({ name: 'acme/race', source: saying(`number ${i}`) }),
    );
    const answers = await Promise.all(packed.map((one) => suite.stack.putArchive(one)));
    const winners = answers.flatMap(({ status }, i) => (status === 201 ? [i] : []));
    expect(winners).toHaveLength(1);
    for (const [i, answer] of answers.entries()) {
      if (!winners.includes(i)) await expectProblem(answer, 'version-exists');
    }
    expect(await servedDigest('acme/race')).toBe(packed[winners[0] ?? -1]?.digest);
  });

  it('is made once when the same bytes come eight times at the same moment', async () => {
    await suite.stack.publish({ name: 'acme/again', version: '0.9.0', source: saying('before') });
    const packed = packSource({ name: 'acme/again', source: saying('same') });
    const answers = await Promise.all(Array.from({ length: 8 }, () => suite.stack.putArchive(packed)));
    expect(Map.groupBy(answers, ({ status }) => status).get(201)).toHaveLength(1);
    expect(Map.groupBy(answers, ({ status }) => status).get(200)).toHaveLength(7);
  });

  it('stays whole when the catalog is killed right after the answer', async () => {
    const { digest } = await suite.stack.publish({ name: 'acme/durable', source: saying('kept') });
    await suite.stack.catalog.kill();
    await suite.stack.catalog.start();
    expect(await servedDigest('acme/durable')).toBe(digest);
  });
});

describe('an archive', () => {
  it('must be what its address says', async () => {
    const { stack } = suite;
    const { bytes } = packSource({ name: 'acme/one', source: saying('one') });
    await stack.publish({ name: 'acme/other', source: saying('other') });
    const answer = await request(stack.catalog.url)
      .put('/v1/proxylets/acme/other/versions/1.0.1')
      .set('authorization', await stack.bearer('paula', 'catalog'))
      .set('content-type', 'application/gzip')
      .send(Buffer.from(bytes));
    expect(answer.status).toBe(422);
    expect(answer.body).toMatchObject({ code: 'manifest-mismatch' });
  });

  it.each([
    ['is no gzip', Buffer.from('hello'), 'archive-invalid'],
    ['is empty', Buffer.alloc(0), 'archive-invalid'],
    [
      'ends too early',
      Buffer.from(packSource({ name: 'acme/cut', source: saying('') }).bytes).subarray(0, -20),
      'archive-invalid',
    ],
  ])('that %s burns no version number', async (_, bytes, code) => {
    const { stack } = suite;
    await stack
      .publish({ name: 'acme/cut', version: '0.9.0', source: saying('before') })
      .catch(() => undefined);
    const answer = await request(stack.catalog.url)
      .put('/v1/proxylets/acme/cut/versions/1.0.0')
      .set('authorization', await stack.bearer('paula', 'catalog'))
      .set('content-type', 'application/gzip')
      .send(bytes);
    expect(answer.status).toBe(422);
    expect(answer.body).toMatchObject({ code });
    const dry = await request(stack.catalog.url)
      .put('/v1/proxylets/acme/cut/versions/1.0.0?dry-run=true')
      .set('authorization', await stack.bearer('paula', 'catalog'))
      .set('content-type', 'application/gzip')
      .send(Buffer.from(packSource({ name: 'acme/cut', source: saying('') }).bytes));
    expect(dry.status).toBe(200);
  });

  it('of a namespace that is another’s is refused', async () => {
    await suite.stack.publish({ name: 'acme/owned', source: saying('mine') });
    const answer = await suite.stack.putArchive(
      packSource({ name: 'acme/owned', version: '2.0.0', source: saying('stolen') }),
      'alice',
    );
    expect([403, 404]).toContain(answer.status);
  });
});
