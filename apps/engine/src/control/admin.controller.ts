import { Controller } from '@nestjs/common';
import { enforce, type Principal } from '@proxylet/auth';
import type { Page } from '@proxylet/contract';
import { Body, CurrentPrincipal, Endpoint, pageSchema, Params, Query } from '@proxylet/nest';
import { EngineCore } from '../engine-core.js';
import { EgressService } from './egress.service.js';
import { InstallationService } from './installation.service.js';
import {
  type EgressBody,
  type EgressQuery,
  egressBody,
  egressQuery,
  egressRuleSchema,
  egressSchema,
  type IdParams,
  idParams,
  type ListQuery,
  listQuery,
  type OwnedInstallationView,
  ownedInstallationSchema,
  rotationSchema,
  runnersSchema,
} from './schemas.js';
import { egressRuleView, runnerView } from './views.js';

const scopes = ['engine:admin'] as const;
const tag = 'Admin';

/** For who runs the gateway: scope `engine:admin` and the role for it. */
@Controller('v1/admin')
export class AdminController {
  constructor(
    private readonly core: EngineCore,
    private readonly installations: InstallationService,
    private readonly egress: EgressService,
  ) {}

  @Endpoint('GET installations', {
    summary: 'Installations of everybody',
    tag,
    query: listQuery,
    response: pageSchema(ownedInstallationSchema),
    errors: ['forbidden'],
    scopes,
  })
  list(@Query() query: ListQuery, @CurrentPrincipal() principal: Principal): Page<OwnedInstallationView> {
    enforce(principal, 'engine.admin', {}, 'the installations of everybody');
    return this.installations.listAll(query);
  }

  @Endpoint('POST installations/:id/release', {
    summary: 'Let an installation out of quarantine',
    description:
      'It starts clean at its next call, in a runner process of its own. One that is not in quarantine stays as it is.',
    tag,
    params: idParams,
    status: 200,
    response: ownedInstallationSchema,
    errors: ['forbidden', 'not-installed'],
    scopes,
  })
  release(
    @Params() { id }: IdParams,
    @CurrentPrincipal() principal: Principal,
  ): Promise<OwnedInstallationView> {
    enforce(principal, 'engine.admin', {}, 'the installations of everybody');
    return this.installations.release(id, principal);
  }

  @Endpoint('GET runners', {
    summary: 'Runner processes',
    tag,
    response: runnersSchema,
    errors: ['forbidden'],
    scopes,
  })
  runners(@CurrentPrincipal() principal: Principal) {
    enforce(principal, 'engine.admin', {}, 'the runners');
    const items = this.core.parts.sandbox.runners().map(runnerView);
    return { items };
  }

  @Endpoint('POST secrets/rotate', {
    summary: 'Seal every stored secret with a fresh key',
    description: 'The old key is forgotten. Proxylets notice nothing of it.',
    tag,
    response: rotationSchema,
    errors: ['forbidden', 'key-not-ours', 'storage-unavailable'],
    scopes,
  })
  rotate(@CurrentPrincipal() principal: Principal) {
    enforce(principal, 'engine.admin', {}, 'the keys of secrets');
    return this.core.parts.vault.rotate();
  }

  @Endpoint('GET egress', {
    summary: 'Origins opened to proxylets',
    tag,
    response: egressSchema,
    errors: ['forbidden'],
    scopes,
  })
  listEgress(@CurrentPrincipal() principal: Principal) {
    enforce(principal, 'engine.admin', {}, 'the egress rules');
    return { items: this.egress.list().map(egressRuleView) };
  }

  @Endpoint('PUT egress', {
    summary: 'Open an origin to named proxylets',
    description:
      'The origin may lie on a private network, and needs no entry in their manifests. An existing rule for the origin is replaced.',
    tag,
    body: egressBody,
    response: egressRuleSchema,
    errors: ['forbidden'],
    scopes,
  })
  async openEgress(@Body() { origin, proxylets }: EgressBody, @CurrentPrincipal() principal: Principal) {
    enforce(principal, 'engine.admin', {}, 'the egress rules');
    return egressRuleView(await this.egress.open(origin, proxylets, principal.key));
  }

  @Endpoint('DELETE egress', {
    summary: 'Close an origin again',
    tag,
    query: egressQuery,
    status: 204,
    errors: ['forbidden', 'not-found'],
    scopes,
  })
  async closeEgress(
    @Query() { origin }: EgressQuery,
    @CurrentPrincipal() principal: Principal,
  ): Promise<void> {
    enforce(principal, 'engine.admin', {}, 'the egress rules');
    await this.egress.close(origin);
  }
}
