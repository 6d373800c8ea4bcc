import { Controller, Inject } from '@nestjs/common';
import type { Principal } from '@proxylet/auth';
import { CurrentPrincipal, Endpoint, Query, queryFlag } from '@proxylet/nest';
import { z } from 'zod';
import type { CleanupReport } from './cleaner.js';
import { CleanupService } from './cleanup.service.js';

const cleanupQuery = z.strictObject({
  'dry-run': queryFlag,
  'grace-minutes': z
    .string()
    .regex(/^\d{1,5}$/, 'must be a number of minutes')
    .transform(Number)
    .optional()
    .meta({ description: 'Leaves alone what is younger; the setting by default' }),
});
const reportSchema = z.object({
  dryRun: z.boolean(),
  orphans: z.int(),
  orphanBytes: z.int(),
  unneeded: z.int(),
  unneededBytes: z.int(),
  uploads: z.int(),
  uploadParts: z.int(),
  answers: z.int(),
  tokens: z.int(),
});

@Controller('v1/admin')
export class CleanupController {
  constructor(@Inject(CleanupService) private readonly cleanup: CleanupService) {}

  @Endpoint('POST gc', {
    summary: 'Delete from the store what nothing refers to',
    description:
      'Runs by itself from time to time. Publishing goes on meanwhile; nothing that is needed is ever deleted.',
    tag: 'administration',
    query: cleanupQuery,
    response: reportSchema,
    errors: ['forbidden', 'storage-unavailable'],
    scopes: ['catalog:admin'],
  })
  run(
    @Query() query: z.output<typeof cleanupQuery>,
    @CurrentPrincipal() principal: Principal,
  ): Promise<CleanupReport> {
    const minutes = query['grace-minutes'];
    return this.cleanup.runFor(
      principal,
      query['dry-run'],
      minutes === undefined ? undefined : minutes * 60_000,
    );
  }
}
