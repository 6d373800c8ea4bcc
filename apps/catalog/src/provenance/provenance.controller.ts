import { Controller, Inject, Res } from '@nestjs/common';
import { type Envelope, envelopeSchema, keyIdSchema } from '@proxylet/artifact';
import type { Principal } from '@proxylet/auth';
import { Body, CurrentPrincipal, Endpoint, Params } from '@proxylet/nest';
import type { FastifyReply } from 'fastify';
import type { z } from 'zod';
import { nameOf, namespaceOf, namespaceParams, versionOf, versionParams } from '../http/params.js';
import { ReadRights } from '../rights/read-rights.js';
import { Reader } from '../rights/reader.js';
import {
  type KeyChange,
  keyChangeBody,
  type NewKey,
  newKeyBody,
  signaturesSchema,
  type SignatureView,
  signingKeySchema,
  signingKeysSchema,
  type SigningKeyView,
} from './provenance.schemas.js';
import { SignatureService } from './signature.service.js';
import { SigningKeyService } from './signing-key.service.js';

const keyParams = namespaceParams.extend({ keyId: keyIdSchema });
const owner = { anyOf: ['catalog:manage', 'catalog:admin'] } as const;

@Controller('v1')
export class ProvenanceController {
  constructor(
    @Inject(SigningKeyService) private readonly keys: SigningKeyService,
    @Inject(SignatureService) private readonly signatures: SignatureService,
  ) {}

  @Endpoint('GET namespaces/:ns/keys', {
    summary: 'Keys that publishers of a namespace sign with, at most 50',
    tag: 'provenance',
    params: namespaceParams,
    response: signingKeysSchema,
    errors: ['invalid-name', 'not-found'],
    scopes: ['catalog:read'],
  })
  list(
    @Params() params: z.output<typeof namespaceParams>,
  ): Promise<{ readonly items: readonly SigningKeyView[] }> {
    return this.keys.list(namespaceOf(params));
  }

  @Endpoint('POST namespaces/:ns/keys', {
    summary: 'Let a key sign versions of a namespace',
    description:
      '`openssl genpkey -algorithm ed25519 -out key.pem && openssl pkey -in key.pem -pubout` makes one. Its id is SHA-256 over its canonical form, as in TUF.',
    tag: 'provenance',
    params: namespaceParams,
    body: newKeyBody,
    response: signingKeySchema,
    status: 201,
    answers: { 200: 'The key was there' },
    errors: ['invalid-name', 'not-found', 'forbidden', 'quota-exceeded'],
    scopes: owner,
  })
  async add(
    @Params() params: z.output<typeof namespaceParams>,
    @Body() wish: NewKey,
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SigningKeyView> {
    const { view, isNew } = await this.keys.add(namespaceOf(params), wish, principal);
    reply.status(isNew ? 201 : 200);
    return view;
  }

  @Endpoint('PATCH namespaces/:ns/keys/:keyId', {
    summary: 'Retire or revoke a key; it never comes back',
    tag: 'provenance',
    params: keyParams,
    body: keyChangeBody,
    response: signingKeySchema,
    errors: ['invalid-name', 'not-found', 'forbidden'],
    scopes: owner,
  })
  change(
    @Params() params: z.output<typeof keyParams>,
    @Body() change: KeyChange,
    @CurrentPrincipal() principal: Principal,
  ): Promise<SigningKeyView> {
    return this.keys.change(namespaceOf(params), params.keyId, change, principal);
  }

  @Endpoint('PUT proxylets/:ns/:name/versions/:v/signatures', {
    summary: 'Sign a published version',
    description:
      'A DSSE envelope (`application/vnd.in-toto+json`) over an in-toto Statement v1 with one subject, `pkg:proxylet/<namespace>/<name>@<version>` and its SHA-256, and the predicate type `urn:proxylet:publication:v1`, signed by an active key of the namespace.',
    tag: 'provenance',
    params: versionParams,
    body: envelopeSchema,
    response: signaturesSchema,
    status: 201,
    answers: { 200: 'It was signed so before' },
    errors: ['invalid-name', 'invalid-version', 'not-found', 'forbidden', 'signature-invalid'],
    scopes: ['catalog:publish'],
  })
  async sign(
    @Params() params: z.output<typeof versionParams>,
    @Body() envelope: Envelope,
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<{ readonly items: readonly SignatureView[] }> {
    const [name, version] = [nameOf(params), versionOf(params)];
    const isNew = await this.signatures.sign(name, version, envelope, principal);
    reply.status(isNew ? 201 : 200);
    return await this.signatures.list(name, version, ReadRights.forChange(principal));
  }

  @Endpoint('GET proxylets/:ns/:name/versions/:v/signatures', {
    summary: 'Signatures of a version',
    tag: 'provenance',
    params: versionParams,
    response: signaturesSchema,
    errors: ['invalid-name', 'invalid-version', 'not-found'],
    scopes: ['catalog:read'],
    anonymous: true,
  })
  async listSignatures(
    @Params() params: z.output<typeof versionParams>,
    @Reader() reader: ReadRights,
  ): Promise<{ readonly items: readonly SignatureView[] }> {
    return await this.signatures.list(nameOf(params), versionOf(params), reader);
  }
}
