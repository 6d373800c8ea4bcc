import { Inject } from '@nestjs/common';
import type { MainWarning } from '@proxylet/artifact';
import type { Principal } from '@proxylet/auth';
import { type Digest, parseName } from '@proxylet/contract';
import { Database } from '../database/database.js';
import { NamespaceService } from '../namespace/namespace.service.js';
import { UploadService } from '../upload/upload.service.js';
import { idempotentRequest, wasAnswered } from './idempotency.js';
import { Intake } from './intake.js';
import { Publisher } from './publisher.js';
import { isPublished } from './version-writer.js';

export interface PublishRequest {
  readonly name: string;
  readonly version: string;
  /** Is read only once the caller may publish. */
  readonly bytes: AsyncIterable<Buffer>;
  /** What the client says the digest of the bytes is. */
  readonly expected: Digest | undefined;
  /** What the client says the bytes are. */
  readonly sizeBytes?: number | undefined;
  readonly idempotencyKey: string | undefined;
  readonly isDryRun: boolean;
  /** Channel that is to lead to the version. */
  readonly channel: string | undefined;
  /** A platform admin lets the name of a new proxylet pass that could be taken for another. */
  readonly allowConfusable?: boolean;
  /** The upload the bytes come from; forgotten once they are published. */
  readonly uploadId?: string;
  readonly principal: Principal;
}

export interface PublishResult {
  readonly name: string;
  readonly version: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly warnings: readonly MainWarning[];
  /** False where the same bytes were published before, and of a dry run. */
  readonly isNew: boolean;
}

/**
 * Publishing: check while it arrives, make the bytes durable, then take the number in one transaction. A death at any
 * point before the transaction's end leaves the number free; after it, everything is there.
 */
export class PublishService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Intake) private readonly intake: Intake,
    @Inject(Publisher) private readonly publisher: Publisher,
    @Inject(NamespaceService) private readonly namespaces: NamespaceService,
    @Inject(UploadService) private readonly uploads: UploadService,
  ) {}

  /**
   * @throws Problem `not-found`, `forbidden`, `insufficient-scope`, `version-exists`, `digest-mismatch`, `archive-*`,
   *   `manifest-*`, `main-*`, `idempotency-key-reused`, `quota-exceeded`, `request-cancelled`, `storage-unavailable`
   */
  async publish(request: PublishRequest): Promise<PublishResult> {
    const {
      name,
      version,
      expected: digestStated,
      sizeBytes: sizeStated,
      isDryRun,
      channel,
      uploadId,
      principal,
    } = request;
    const target = parseName(name);
    await this.authorize(request);
    await using checked = await this.intake.receive(request.bytes, {
      name,
      version,
      digest: digestStated,
      sizeBytes: sizeStated,
    });
    const { digest, sizeBytes, warnings } = checked;
    const idempotent = idempotentRequest(
      principal.key,
      request.idempotencyKey,
      'publish',
      name,
      version,
      digest,
      String(isDryRun),
      channel ?? '',
    );
    const isRepeated = await wasAnswered(this.database.read, idempotent);
    const result = { name, version, digest, sizeBytes, warnings };
    const isKnown = await isPublished(this.database.read, target, version, digest);
    const [isNew = false] = isKnown
      ? [isRepeated]
      : await this.publisher.publish({
          members: [{ target, checked, channel }],
          principal,
          idempotent,
          isDryRun,
          allowConfusable: request.allowConfusable ?? false,
          ...(uploadId === undefined ? {} : { uploadId }),
        });
    if (uploadId !== undefined && !isDryRun) await this.uploads.discard(uploadId);
    return { ...result, isNew };
  }

  /** As `publish`, of an upload that is complete. @throws Problem besides `upload-incomplete` */
  async publishUpload(
    uploadId: string,
    request: Omit<PublishRequest, 'bytes' | 'expected' | 'uploadId'>,
  ): Promise<PublishResult> {
    const { digest, bytes } = await this.uploads.read(uploadId, request.name, request.principal);
    return await this.publish({ ...request, bytes, expected: digest, uploadId });
  }

  private async authorize({ name, channel, principal }: PublishRequest): Promise<void> {
    const { namespace } = parseName(name);
    await this.namespaces.authorize(principal, 'catalog.publish', namespace, undefined, name);
    if (channel === undefined) return;
    await this.namespaces.authorize(principal, 'catalog.move-channel', namespace, undefined, name);
  }
}
