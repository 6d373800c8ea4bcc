import { Controller } from '@nestjs/common';
import type { Principal } from '@proxylet/auth';
import { Body, CurrentPrincipal, Endpoint, Params } from '@proxylet/nest';
import {
  type NameParams,
  nameParams,
  type SecretBody,
  type SecretParams,
  type SecretView,
  secretBody,
  secretParams,
  secretSchema,
  secretsSchema,
} from './schemas.js';
import { SecretService } from './secret.service.js';

const scopes = { anyOf: ['engine:install', 'engine:admin'] } as const;

@Controller('v1/installations')
export class SecretController {
  constructor(private readonly secrets: SecretService) {}

  @Endpoint('GET :ns/:name/secrets', {
    summary: 'Which secrets an installation declares, and when each was set',
    description: 'Values can be set and removed, and never be read.',
    params: nameParams,
    response: secretsSchema,
    errors: ['not-installed', 'forbidden'],
    scopes,
  })
  list(@Params() { ns, name }: NameParams, @CurrentPrincipal() principal: Principal) {
    return { items: this.secrets.list(principal, `${ns}/${name}`) };
  }

  @Endpoint('PUT :ns/:name/secrets/:secret', {
    summary: 'Set a secret',
    description:
      'The name must be one that the manifest declares and the user granted. The next call sees the value; calls in flight end with the one before.',
    params: secretParams,
    body: secretBody,
    response: secretSchema,
    errors: [
      'not-installed',
      'not-found',
      'forbidden',
      'consent-required',
      'installation-busy',
      'proxylet-invalid',
      'storage-unavailable',
    ],
    scopes,
  })
  set(
    @Params() { ns, name, secret }: SecretParams,
    @Body() { value }: SecretBody,
    @CurrentPrincipal() principal: Principal,
  ): Promise<SecretView> {
    return this.secrets.set(principal, `${ns}/${name}`, secret, value);
  }

  @Endpoint('DELETE :ns/:name/secrets/:secret', {
    summary: 'Remove a secret',
    params: secretParams,
    status: 204,
    errors: ['not-installed', 'not-found', 'forbidden', 'installation-busy', 'storage-unavailable'],
    scopes,
  })
  remove(
    @Params() { ns, name, secret }: SecretParams,
    @CurrentPrincipal() principal: Principal,
  ): Promise<void> {
    return this.secrets.remove(principal, `${ns}/${name}`, secret);
  }
}
