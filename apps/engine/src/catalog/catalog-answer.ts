import {
  type Lock,
  type LockedProxylet,
  lockSchema,
  obstacleSchema,
  Problem,
  isProblemCode,
  quote,
} from '@proxylet/contract';
import { z } from 'zod';

const problemSchema = z.object({
  code: z.string(),
  detail: z.string().max(4000),
  errors: z
    .array(z.object({ pointer: z.string(), detail: z.string() }))
    .max(500)
    .optional(),
  // What stands in the way, for machines; an answer that has it otherwise is still a refusal.
  obstacles: z.array(obstacleSchema).max(100).optional().catch(undefined),
});

/** Codes of the catalog that are the caller's to know; any other refusal concerns this engine. */
const passedOn = new Set([
  'unresolvable',
  'resolution-too-hard',
  'not-found',
  'artifact-corrupt',
  'storage-unavailable',
]);

/** What a failed answer of the catalog means for whoever asked the engine. */
export function refusalOf(status: number, body: unknown): Problem {
  const parsed = problemSchema.safeParse(body);
  if (parsed.success && isProblemCode(parsed.data.code) && passedOn.has(parsed.data.code)) {
    const { code, detail, errors, obstacles } = parsed.data;
    return new Problem(code, detail, {
      errors,
      ...(obstacles === undefined ? {} : { extra: { obstacles } }),
    });
  }
  if (status >= 500 || status === 429) {
    return new Problem('catalog-unavailable', `The catalog answered with status ${status}.`, {
      retryAfterSeconds: 5,
    });
  }
  const code = parsed.success ? ` and code ${quote(parsed.data.code)}` : '';
  return new Problem('catalog-refused', `The catalog refused this engine with status ${status}${code}.`);
}

/**
 * The catalog's lock, checked for sense: whatever follows relies on each name standing there once, with its
 * dependencies beside it, and on sizes that can be held.
 *
 * @throws Problem `catalog-answer-invalid`
 */
export function parseLock(body: unknown, wanted: readonly string[], maxArchiveBytes: number): Lock {
  const parsed = lockSchema.safeParse(body);
  if (!parsed.success) throw senseless(`${parsed.error.issues[0]?.path.join('.') ?? ''} is not as agreed`);
  const { proxylets, services } = parsed.data;
  const byName = new Map(proxylets.map((locked) => [locked.name, locked]));
  if (byName.size !== proxylets.length) throw senseless('it names a proxylet twice');
  for (const name of wanted) {
    if (!byName.has(name) && !services.some((service) => service.name === name)) {
      throw senseless(`it lacks ${name}`);
    }
  }
  for (const locked of proxylets) assertSound(locked, byName, maxArchiveBytes);
  return parsed.data;
}

function assertSound(
  locked: LockedProxylet,
  byName: ReadonlyMap<string, LockedProxylet>,
  maxArchiveBytes: number,
): void {
  const { name, sizeBytes, dependencies } = locked;
  if (sizeBytes < 1 || sizeBytes > maxArchiveBytes) {
    throw senseless(`it gives ${name} a size of ${sizeBytes} bytes; this engine takes ${maxArchiveBytes}`);
  }
  for (const [dependency, version] of Object.entries(dependencies)) {
    if (byName.get(dependency)?.version !== version) {
      throw senseless(`it lacks ${quote(dependency)}, which ${name} needs`);
    }
  }
}

export function senseless(reason: string): Problem {
  return new Problem('catalog-answer-invalid', `The answer of the catalog makes no sense: ${reason}.`);
}
