import { Inject } from '@nestjs/common';
import type { Principal } from '@proxylet/auth';
import {
  isVersion,
  nameSchema,
  parseName,
  Problem,
  quote,
  type ServiceDefinition,
  serviceDefinitionSchema,
} from '@proxylet/contract';
import { findUnfitText } from '@proxylet/nest';
import { z } from 'zod';
import { Database } from '../database/database.js';
import { NamespaceService } from '../namespace/namespace.service.js';
import { ServiceService } from '../service/service.service.js';
import { idempotentRequest } from './idempotency.js';
import { type CheckedArchive, Intake } from './intake.js';
import type { FormPart } from './multipart.js';
import type { PublishResult } from './publish.service.js';
import { Publisher } from './publisher.js';
import { isPublished } from './version-writer.js';

export interface PublicationRequest {
  /** One part `namespace/name@version` for each archive, and at most one `service`. */
  readonly parts: AsyncIterable<FormPart>;
  readonly idempotencyKey: string | undefined;
  readonly isDryRun: boolean;
  readonly principal: Principal;
}

export interface PublicationResult {
  readonly versions: readonly PublishResult[];
  readonly service?: { readonly name: string; readonly version: string };
  /** Whether anything is new. */
  readonly isNew: boolean;
}

/** What part `service` holds: a definition and its name. */
const namedService = serviceDefinitionSchema.extend({ name: nameSchema });
interface NamedService {
  readonly name: string;
  readonly definition: ServiceDefinition;
}

const maxMembers = 100;
const maxServiceBytes = 64 * 1024;
/** All archives of one publication together, in archives of the greatest size. */
const maxTotalArchives = 8;

/** Publishes several proxylets, and a service of them, all or nothing. */
export class PublicationService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Intake) private readonly intake: Intake,
    @Inject(Publisher) private readonly publisher: Publisher,
    @Inject(NamespaceService) private readonly namespaces: NamespaceService,
    @Inject(ServiceService) private readonly services: ServiceService,
  ) {}

  /** @throws Problem as publishing one and registering a service; `invalid-request` for a form of other parts */
  async publish(request: PublicationRequest): Promise<PublicationResult> {
    await using received = new Received();
    for await (const part of request.parts) await this.receive(part, received, request.principal);
    const { archives, service } = received;
    if (archives.length === 0) throw refused('has no archive', 'namespace/name@version');
    const { principal, isDryRun } = request;
    const idempotent = idempotentRequest(
      principal.key,
      request.idempotencyKey,
      'publication',
      ...archives.map(({ name, version, digest }) => `${name}@${version} ${digest}`).toSorted(),
      JSON.stringify(service ?? null),
      String(isDryRun),
    );
    const members = archives.map((checked) => ({
      target: parseName(checked.name),
      checked,
      channel: undefined,
    }));
    let isServiceNew = false;
    const areNew = await this.publisher.publish({
      members,
      principal,
      idempotent,
      isDryRun,
      ...(service === undefined
        ? {}
        : {
            topics: [`service ${service.name}`],
            andThen: async (manager) => {
              isServiceNew = await this.services.registerIn(
                manager,
                service.name,
                service.definition,
                principal,
              );
            },
          }),
    });
    return {
      versions: archives.map((archive, index) => resultOf(archive, areNew[index] ?? false)),
      ...(service === undefined
        ? {}
        : { service: { name: service.name, version: service.definition.version } }),
      isNew: !isDryRun && (isServiceNew || areNew.includes(true)),
    };
  }

  private async receive(
    { name: field, content }: FormPart,
    received: Received,
    principal: Principal,
  ): Promise<void> {
    if (field === 'service') {
      if (received.service !== undefined) throw refused('has two services', field);
      received.service = await readService(content);
      return;
    }
    const [name, version] = splitMember(field);
    if (received.archives.length === maxMembers) throw refused(`has more than ${maxMembers} archives`, field);
    if (received.archives.some((other) => other.name === name && other.version === version))
      throw refused('has the same version twice', field);
    const target = parseName(name);
    await this.namespaces.authorize(principal, 'catalog.publish', target.namespace, undefined, name);
    const checked = await this.intake.receive(content, { name, version });
    received.archives.push(checked);
    await isPublished(this.database.read, target, version, checked.digest);
    const total = received.archives.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const maxTotal = maxTotalArchives * this.intake.limits.packedBytes;
    if (total > maxTotal)
      throw new Problem('archive-too-large', `The archives together are larger than ${maxTotal} bytes.`);
  }
}

class Received implements AsyncDisposable {
  readonly archives: CheckedArchive[] = [];
  service: NamedService | undefined;

  async [Symbol.asyncDispose](): Promise<void> {
    for (const archive of this.archives) await archive[Symbol.asyncDispose]();
  }
}

function resultOf(
  { name, version, digest, sizeBytes, warnings }: CheckedArchive,
  isNew: boolean,
): PublishResult {
  return { name, version, digest, sizeBytes, warnings, isNew };
}

function splitMember(field: string): [string, string] {
  const at = field.indexOf('@');
  const [name, version] = [field.slice(0, Math.max(at, 0)), field.slice(at + 1)];
  if (nameSchema.safeParse(name).success && isVersion(version)) return [name, version];
  throw refused('has a part that is neither namespace/name@version nor service', field);
}

async function readService(content: AsyncIterable<Buffer>): Promise<NamedService> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of content) {
    bytes += chunk.byteLength;
    if (bytes > maxServiceBytes)
      throw refused(`has a service of more than ${maxServiceBytes} bytes`, 'service');
    chunks.push(chunk);
  }
  let input: unknown;
  try {
    input = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (error) {
    throw new Problem('service-invalid', 'The part service is not JSON.', { cause: error });
  }
  if (findUnfitText(input) !== undefined)
    throw new Problem('service-invalid', 'The part service has text with a NUL or half a character in it.');
  const result = namedService.safeParse(input);
  if (!result.success) {
    const errors = result.error.issues.map(({ path, message }) => ({
      pointer: `/service/${path.map(String).join('/')}`,
      detail: message,
    }));
    throw new Problem('service-invalid', `The part service has faults: ${z.prettifyError(result.error)}`, {
      errors,
    });
  }
  const { name, ...definition } = result.data;
  return { name, definition };
}

/** `why` completes the sentence "The form … <why>." */
function refused(why: string, field: string): Problem {
  return new Problem('invalid-request', `The form ${why} (${quote(field)}).`, {
    errors: [{ pointer: '/body', detail: why }],
  });
}
