import { Readable } from 'node:stream';
import { Controller, Inject, Res } from '@nestjs/common';
import type { Principal } from '@proxylet/auth';
import { CurrentPrincipal, Endpoint, Query } from '@proxylet/nest';
import type { FastifyReply } from 'fastify';
import {
  auditExportQuery,
  type AuditExportQuery,
  type AuditPage,
  auditPageSchema,
  auditQuery,
  type AuditQuery,
  type AuditVerdict,
  auditVerdictSchema,
  auditVerifyQuery,
  type AuditVerifyQuery,
} from './audit.schemas.js';
import { AuditService } from './audit.service.js';

const contentType = 'application/x-ndjson';

@Controller('v1/audit')
export class AuditController {
  constructor(@Inject(AuditService) private readonly audit: AuditService) {}

  @Endpoint('GET', {
    summary: 'Who changed what, in order',
    description:
      'Auditors and platform admins see everything, owners of a namespace what is about it. Each entry carries the hash of the one before.',
    tag: 'audit',
    query: auditQuery,
    response: auditPageSchema,
    scopes: ['audit:read'],
  })
  page(
    @Query() { since, limit, namespace }: AuditQuery,
    @CurrentPrincipal() principal: Principal,
  ): Promise<AuditPage> {
    return this.audit.page({ since, namespace }, limit, principal);
  }

  @Endpoint('GET export', {
    summary: 'The audit as NDJSON, an entry a line',
    tag: 'audit',
    query: auditExportQuery,
    response: { contentType, description: 'The entries' },
    scopes: ['audit:read'],
  })
  export(
    @Query() { since, namespace }: AuditExportQuery,
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Readable {
    reply.headers({
      'content-type': contentType,
      'content-disposition': 'attachment; filename="audit.ndjson"',
      'cache-control': 'no-store',
    });
    return Readable.from(this.audit.lines({ since, namespace }, principal));
  }

  @Endpoint('GET verify', {
    summary: 'Whether the audit is the one that was written',
    description:
      'Follows the chain of hashes from the first entry to the last and says where it breaks. That entries were cut off at the end shows only against an end noted earlier: send it as `head`.',
    tag: 'audit',
    query: auditVerifyQuery,
    response: auditVerdictSchema,
    errors: ['forbidden'],
    scopes: ['audit:read'],
  })
  verify(
    @Query() { head }: AuditVerifyQuery,
    @CurrentPrincipal() principal: Principal,
  ): Promise<AuditVerdict> {
    const [seq, hash] = head?.split(':') ?? [];
    const noted = seq === undefined || hash === undefined ? undefined : { seq: Number(seq), hash };
    return this.audit.verify(noted, principal);
  }
}
