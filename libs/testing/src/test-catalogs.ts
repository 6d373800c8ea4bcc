import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectOk } from './refused.js';
import type { ServiceProcess } from './service-process.js';
import { catalogProcess, idmProcess, type Settings } from './services.js';

export interface TestCatalogsOptions {
  /** How many catalogs; default 1. With several, the settings name the database and the store they share. */
  readonly count?: number | undefined;
  readonly settings?: Settings | undefined;
}

/** An IdM and catalogs as they are built, each in a process and a state folder of its own, without an engine. */
export interface TestCatalogs extends AsyncDisposable {
  readonly catalogs: readonly ServiceProcess[];
  /** State folder of each catalog; its own files are in `catalog` below it. */
  readonly folders: readonly string[];
  /** `Bearer …` of a user of the development IdM, for the catalogs. */
  bearer(user: string): Promise<string>;
}

export async function startTestCatalogs({
  count = 1,
  settings,
}: TestCatalogsOptions = {}): Promise<TestCatalogs> {
  const stateDir = await mkdtemp(join(tmpdir(), 'proxylet-catalogs-'));
  const idm = idmProcess({ stateDir, settings: undefined });
  const services: ServiceProcess[] = [];
  const clear = async (): Promise<void> => {
    await Promise.all([idm, ...services].map((service) => service.stop()));
    await rm(stateDir, { recursive: true, force: true });
  };
  try {
    await idm.start();
    const folders = Array.from({ length: count }, (_, index) => join(stateDir, `replica-${index}`));
    const secretsKey = count > 1 ? randomBytes(32).toString('base64') : undefined;
    for (const folder of folders) {
      services.push(
        catalogProcess({ stateDir: folder, settings, issuers: [{ issuer: idm.url }], secretsKey }),
      );
    }
    await Promise.all(services.map((service) => service.start()));
    return {
      catalogs: services,
      folders,
      bearer: keptBearers(idm),
      [Symbol.asyncDispose]: clear,
    };
  } catch (error) {
    await clear();
    throw error;
  }
}

/** Asks for a user's token anew when half of its time is over. */
function keptBearers(idm: ServiceProcess): (user: string) => Promise<string> {
  const kept = new Map<string, { readonly bearer: string; readonly untilMs: number }>();
  return async (user) => {
    const known = kept.get(user);
    if (known !== undefined && performance.now() < known.untilMs) return known.bearer;
    const { access_token: token, expires_in: seconds } = await askToken(idm, user);
    const bearer = `Bearer ${token}`;
    kept.set(user, { bearer, untilMs: performance.now() + seconds * 500 });
    return bearer;
  };
}

async function askToken(
  idm: ServiceProcess,
  user: string,
): Promise<{ readonly access_token: string; readonly expires_in: number }> {
  const body = new URLSearchParams({ user, audience: 'catalog' });
  const response = await fetch(`${idm.url}/dev/token`, { method: 'POST', body });
  await expectOk(response, `A token for ${user}`);
  return (await response.json()) as { access_token: string; expires_in: number };
}
