import { Controller, Inject } from '@nestjs/common';
import type { Principal } from '@proxylet/auth';
import type { Page } from '@proxylet/contract';
import { Body, CurrentPrincipal, Endpoint, pageQuery, pageSchema, Params, Query } from '@proxylet/nest';
import { z } from 'zod';
import { deliveryStates } from '../database/webhook.entity.js';
import { namespaceOf, namespaceParams } from '../http/params.js';
import {
  type CreatedWebhook,
  createdWebhookSchema,
  deliveryParams,
  deliverySchema,
  type DeliveryView,
  type NewWebhook,
  newWebhookBody,
  type WebhookChange,
  webhookChangeBody,
  webhookParams,
  webhookSchema,
  type WebhookView,
} from './webhook.schemas.js';
import { WebhookService } from './webhook.service.js';

const scopes = { anyOf: ['catalog:manage', 'catalog:admin'] } as const;
const tag = 'webhooks';
const deliveriesQuery = z.strictObject({ ...pageQuery, state: z.enum(deliveryStates).optional() });
type NamespaceParams = z.output<typeof namespaceParams>;
type WebhookParams = z.output<typeof webhookParams>;

@Controller('v1/namespaces')
export class WebhookController {
  constructor(@Inject(WebhookService) private readonly webhooks: WebhookService) {}

  @Endpoint('POST :ns/webhooks', {
    summary: 'Be told of the changes of a namespace',
    description:
      'Each change is posted to the address as a CloudEvent, signed as Standard Webhooks say with the secret that is shown in this answer and never again. What fails is tried again for a day.',
    tag,
    params: namespaceParams,
    body: newWebhookBody,
    response: createdWebhookSchema,
    status: 201,
    errors: ['invalid-name', 'not-found', 'forbidden', 'webhook-refused', 'quota-exceeded'],
    scopes,
  })
  create(
    @Params() params: NamespaceParams,
    @Body() wish: NewWebhook,
    @CurrentPrincipal() principal: Principal,
  ): Promise<CreatedWebhook> {
    return this.webhooks.create(namespaceOf(params), wish, principal);
  }

  @Endpoint('GET :ns/webhooks', {
    summary: 'Webhooks of a namespace',
    tag,
    params: namespaceParams,
    response: z.object({ items: z.array(webhookSchema) }),
    errors: ['invalid-name', 'not-found', 'forbidden'],
    scopes,
  })
  list(
    @Params() params: NamespaceParams,
    @CurrentPrincipal() principal: Principal,
  ): Promise<{ readonly items: readonly WebhookView[] }> {
    return this.webhooks.list(namespaceOf(params), principal);
  }

  @Endpoint('GET :ns/webhooks/:id', {
    summary: 'A webhook and how its deliveries go',
    tag,
    params: webhookParams,
    response: webhookSchema,
    errors: ['invalid-name', 'not-found', 'forbidden'],
    scopes,
  })
  get(@Params() params: WebhookParams, @CurrentPrincipal() principal: Principal): Promise<WebhookView> {
    return this.webhooks.get(namespaceOf(params), params.id, principal);
  }

  @Endpoint('PATCH :ns/webhooks/:id', {
    summary: 'Change a webhook, or switch it off and on',
    tag,
    params: webhookParams,
    body: webhookChangeBody,
    response: webhookSchema,
    errors: ['invalid-name', 'not-found', 'forbidden', 'webhook-refused'],
    scopes,
  })
  update(
    @Params() params: WebhookParams,
    @Body() change: WebhookChange,
    @CurrentPrincipal() principal: Principal,
  ): Promise<WebhookView> {
    return this.webhooks.update(namespaceOf(params), params.id, change, principal);
  }

  @Endpoint('DELETE :ns/webhooks/:id', {
    summary: 'Remove a webhook and its deliveries',
    tag,
    params: webhookParams,
    status: 204,
    errors: ['invalid-name', 'not-found', 'forbidden'],
    scopes,
  })
  remove(@Params() params: WebhookParams, @CurrentPrincipal() principal: Principal): Promise<void> {
    return this.webhooks.remove(namespaceOf(params), params.id, principal);
  }

  @Endpoint('GET :ns/webhooks/:id/deliveries', {
    summary: 'Deliveries of a webhook, newest first',
    description: 'Dead ones were not taken for a day. What is done is shown for a week.',
    tag,
    params: webhookParams,
    query: deliveriesQuery,
    response: pageSchema(deliverySchema),
    errors: ['invalid-name', 'not-found', 'forbidden'],
    scopes,
  })
  deliveries(
    @Params() params: WebhookParams,
    @Query() query: z.output<typeof deliveriesQuery>,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Page<DeliveryView>> {
    return this.webhooks.deliveries(namespaceOf(params), params.id, query, principal);
  }

  @Endpoint('POST :ns/webhooks/:id/deliveries/:delivery/replay', {
    summary: 'Send a delivery again',
    tag,
    params: deliveryParams,
    response: deliverySchema,
    errors: ['invalid-name', 'not-found', 'forbidden'],
    scopes,
  })
  replay(
    @Params() params: z.output<typeof deliveryParams>,
    @CurrentPrincipal() principal: Principal,
  ): Promise<DeliveryView> {
    return this.webhooks.replay(namespaceOf(params), params.id, params.delivery, principal);
  }
}
