import { Controller, Headers, Res } from '@nestjs/common';
import type { Principal } from '@proxylet/auth';
import { Body, CurrentPrincipal, Endpoint, Params } from '@proxylet/nest';
import type { FastifyReply } from 'fastify';
import { EngineCore } from '../engine-core.js';
import { mergedSettings } from '../install/config-schema.js';
import { revisedSettings } from '../install/revise-settings.js';
import type { Installation } from '../installations/installation.js';
import { etagFor, InstallationService, preconditionOf } from './installation.service.js';
import {
  type NameParams,
  nameParams,
  type SettingsBody,
  type SettingsView,
  settingsBody,
  settingsViewSchema,
} from './schemas.js';

@Controller('v1/installations')
export class ConfigController {
  constructor(
    private readonly installations: InstallationService,
    private readonly core: EngineCore,
  ) {}

  @Endpoint('GET :ns/:name/config', {
    summary: 'Settings of an installation, with the JSON Schema they must fit',
    params: nameParams,
    response: settingsViewSchema,
    errors: ['not-installed'],
    scopes: { anyOf: ['engine:install', 'engine:manage', 'engine:admin'] },
  })
  read(
    @Params() { ns, name }: NameParams,
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): SettingsView {
    return answer(reply, this.installations.find(principal, `${ns}/${name}`));
  }

  @Endpoint('PUT :ns/:name/config', {
    summary: 'Replace the settings of an installation',
    description:
      'Checked against the JSON Schema of the manifest; each fault has a pointer below `/body/config`. An isolate with the new settings starts beside the old one: the next call sees them, and no call is lost.',
    params: nameParams,
    body: settingsBody,
    response: settingsViewSchema,
    errors: [
      'not-installed',
      'forbidden',
      'precondition-failed',
      'installation-busy',
      'proxylet-invalid',
      'artifact-corrupt',
      'storage-unavailable',
    ],
    scopes: { anyOf: ['engine:install', 'engine:admin'] },
  })
  async replace(
    @Params() { ns, name }: NameParams,
    @Body() { config }: SettingsBody,
    @Headers('if-match') ifMatch: string | undefined,
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SettingsView> {
    const { owner, name: fullName } = this.installations.manageable(principal, `${ns}/${name}`);
    const precondition = preconditionOf(ifMatch);
    const record = await this.core.parts.changes.revise(owner.key, fullName, (before) => {
      precondition(before);
      return revisedSettings(before, config ?? undefined);
    });
    return answer(reply, record);
  }
}

function answer(reply: FastifyReply, record: Installation): SettingsView {
  void reply.header('etag', etagFor(record));
  const { manifest, config } = record;
  return {
    config: config === undefined ? null : { ...config },
    effective: { ...mergedSettings(manifest, config) },
    schema: manifest.config ?? null,
  };
}
