import type { Provider, Type } from '@nestjs/common';
import { ProvenanceController } from './provenance.controller.js';
import { SignatureService } from './signature.service.js';
import { SigningKeyService } from './signing-key.service.js';

/** What the catalog is made of as far as it keeps what publishers sign. */
export const provenanceControllers: Type[] = [ProvenanceController];
export const provenanceProviders: Provider[] = [SigningKeyService, SignatureService];
