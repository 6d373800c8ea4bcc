import { writeFile } from 'node:fs/promises';
import { get, type Server } from 'node:https';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../../auth/test/test-issuer.js';
import { selfSigned } from '../../test/self-signed.js';
import { startService } from '../../test/test-service.js';
import { ThingModule } from '../../test/thing-module.js';
import { TlsFiles } from './tls-files.js';

interface Seen {
  readonly status: number | undefined;
  readonly serial: string;
  readonly protocol: string | null;
}

function seen(url: string, ca: string): Promise<Seen> {
  const { promise, resolve, reject } = Promise.withResolvers<Seen>();
  get(`${url}/version`, { ca, agent: false }, (response) => {
    const socket = response.socket as TLSSocket;
    response.resume();
    const { serialNumber } = socket.getPeerCertificate();
    resolve({ status: response.statusCode, serial: serialNumber, protocol: socket.getProtocol() });
  }).on('error', reject);
  return promise;
}

test('answers over TLS with its own certificate, and takes a renewed one without a restart', async () => {
  await using folder = await temporaryFolder();
  const paths = { cert: join(folder.path, 'cert.pem'), key: join(folder.path, 'key.pem') };
  const put = async (pair: { cert: string; key: string }) => {
    await writeFile(paths.cert, pair.cert);
    await writeFile(paths.key, pair.key);
  };
  const [first, second] = [selfSigned(1), selfSigned(2)];
  await put(first);
  await using sut = await startService(ThingModule, {
    env: { PROXYLET_CATALOG_TLS_CERT_PATH: paths.cert, PROXYLET_CATALOG_TLS_KEY_PATH: paths.key },
  });
  expect(sut.url).toMatch(/^https:/);
  expect(await seen(sut.url, first.cert)).toMatchObject({ status: 200, serial: '01', protocol: 'TLSv1.3' });

  const server = sut.service.nest.getHttpServer() as unknown as Server;
  const log = pino({ level: 'silent' });
  const files = await TlsFiles.open(paths);
  await writeFile(paths.key, second.key);
  await files.look(server, log);
  expect((await seen(sut.url, first.cert)).serial).toBe('01');
  await put(second);
  await files.look(server, log);
  expect((await seen(sut.url, second.cert)).serial).toBe('02');
  await expect(seen(sut.url, first.cert)).rejects.toThrow();
});

test.each([
  ['a certificate without a key', { PROXYLET_CATALOG_TLS_CERT_PATH: '/none' }, 'together'],
  [
    'files that are not there',
    { PROXYLET_CATALOG_TLS_CERT_PATH: '/none', PROXYLET_CATALOG_TLS_KEY_PATH: '/none' },
    'ENOENT',
  ],
])('%s fail the start with a sentence', async (_name, env, sentence) => {
  await expect(startService(ThingModule, { env })).rejects.toThrow(sentence);
});
