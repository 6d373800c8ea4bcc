import type { Readable } from 'node:stream';
import { type FrameWriter, toRunner } from '../wire/frames.js';
import { splitHead } from '../wire/messages.js';
import {
  type Guest,
  GuestVisibleError,
  type HostServices,
  type KvOperation,
  type OnBehalf,
  type OutboundRequest,
  type OutboundResponse,
} from '../types.js';

/** What a guest asks for: `kind` and the call it asks for, then the payload. */
export interface AskedOp {
  readonly guest: Guest;
  readonly onBehalf: OnBehalf;
  readonly kind: string;
  readonly payload: string;
  readonly bytes: Buffer;
}

interface OpenOp {
  readonly guest: Guest;
  readonly cancel: AbortController;
  credit: number;
  onCredit: (() => void) | undefined;
}

const maxOpsPerGuest = 300;
const maxKvListLimit = 1000;

/**
 * Operations that guests of one runner ask for. Everything that comes in is hostile until parsed: the runner may
 * have been taken over by what runs in it.
 */
export class HostOps {
  private readonly open = new Map<number, OpenOp>();
  private readonly openByGuest = new Map<Guest, number>();

  constructor(
    private readonly services: HostServices,
    private readonly writer: FrameWriter,
    private readonly flushSoon: () => void,
  ) {}

  start(id: number, asked: AskedOp): void {
    const { guest } = asked;
    const mine = this.openByGuest.get(guest) ?? 0;
    if (mine >= maxOpsPerGuest) {
      this.sendError(id, new GuestVisibleError('QuotaExceededError', 'too many operations at once'));
      return;
    }
    const op: OpenOp = { guest, cancel: new AbortController(), credit: 0, onCredit: undefined };
    this.open.set(id, op);
    this.openByGuest.set(guest, mine + 1);
    this.run(id, op, asked).catch((error: unknown) => {
      if (this.close(id)) this.sendError(id, error);
    });
  }

  cancel(id: number): void {
    const op = this.open.get(id);
    this.close(id);
    op?.cancel.abort();
    op?.onCredit?.();
  }

  grant(id: number, bytes: number): void {
    const op = this.open.get(id);
    if (op === undefined) return;
    op.credit += bytes;
    op.onCredit?.();
  }

  dispose(): void {
    for (const id of this.open.keys()) this.cancel(id);
  }

  /** @returns false where the operation was over already */
  private close(id: number): boolean {
    const op = this.open.get(id);
    if (op === undefined) return false;
    this.open.delete(id);
    const left = (this.openByGuest.get(op.guest) ?? 1) - 1;
    if (left > 0) this.openByGuest.set(op.guest, left);
    else this.openByGuest.delete(op.guest);
    return true;
  }

  private async run(id: number, op: OpenOp, asked: AskedOp): Promise<void> {
    const { guest, kind, payload, bytes } = asked;
    if (kind === 'fetch') {
      await this.answer(id, op, this.services.fetch(guest, parseFetch(payload, bytes), op.cancel.signal));
      return;
    }
    if (kind === 'call') {
      await this.answer(id, op, this.callDependency(op, asked));
      return;
    }
    const operation = guest.bindings.kv ? parseKv(kind, payload, bytes) : undefined;
    if (operation === undefined) throw new GuestVisibleError('TypeError', 'no such operation is granted');
    const result = await this.services.kv(guest, operation);
    if (!this.close(id)) return;
    switch (result.op) {
      case 'get':
        this.sendResult(id, JSON.stringify({ version: result.entry?.version ?? 0 }), result.entry?.value);
        break;
      case 'put':
        this.sendResult(id, JSON.stringify({ version: result.version ?? null }));
        break;
      case 'delete':
        this.sendResult(id, JSON.stringify({ existed: result.existed }));
        break;
      case 'list':
        this.sendResult(id, JSON.stringify({ keys: result.keys, cursor: result.cursor ?? null }));
        break;
      default:
        result satisfies never;
    }
  }

  /** Payload: the binding, then what `fetch` sends. */
  private async callDependency(
    op: OpenOp,
    { guest, onBehalf, payload, bytes }: AskedOp,
  ): Promise<OutboundResponse> {
    const [binding, rest] = splitHead(payload);
    const { dependencies } = guest.bindings;
    const name = Object.hasOwn(dependencies, binding) ? dependencies[binding] : undefined;
    if (name === undefined) throw new GuestVisibleError('TypeError', 'no such dependency is declared');
    return this.services.call(guest, name, parseFetch(rest, bytes), onBehalf, op.cancel.signal);
  }

  private async answer(id: number, op: OpenOp, pending: Promise<OutboundResponse>): Promise<void> {
    const response = await pending;
    if (!this.open.has(id)) {
      if (response.body !== undefined && !(response.body instanceof Uint8Array)) response.body.destroy();
      return;
    }
    const { status, statusText, url, redirected, headers, body } = response;
    const lines = [
      String(status),
      oneLine(statusText),
      oneLine(url),
      redirected ? '1' : '0',
      ...headers.map(oneLine),
    ];
    const head = lines.join('\n');
    if (body === undefined || body instanceof Uint8Array) {
      this.close(id);
      this.sendResult(id, head, body);
      return;
    }
    this.writer.frame(toRunner.opResult, id, 1, head);
    this.flushSoon();
    await this.stream(id, op, body);
  }

  private async stream(id: number, op: OpenOp, body: Readable): Promise<void> {
    for await (const chunk of body) {
      while (op.credit <= 0 && this.open.has(id)) {
        await new Promise<void>((resume) => {
          op.onCredit = resume;
        });
      }
      if (!this.open.has(id)) return;
      const bytes = chunk as Buffer;
      op.credit -= bytes.length;
      this.writer.frame(toRunner.opBody, id, 0, '', bytes);
      this.flushSoon();
    }
    if (!this.close(id)) return;
    this.writer.frame(toRunner.opEnd, id);
    this.flushSoon();
  }

  private sendResult(id: number, text: string, bytes?: Uint8Array): void {
    this.writer.frame(toRunner.opResult, id, 0, text, bytes);
    this.flushSoon();
  }

  /** Only what was made for the guest reaches it: another error may name files, addresses or secrets. */
  private sendError(id: number, error: unknown): void {
    const text =
      error instanceof GuestVisibleError
        ? `${error.name}\n${error.message}`
        : 'NetworkError\nthe operation failed';
    this.writer.frame(toRunner.opError, id, 0, text);
    this.flushSoon();
  }
}

function parseFetch(payload: string, bytes: Buffer): OutboundRequest {
  const [method = '', redirect = '', url = '', ...rest] = payload.split('\n');
  const headers = rest.length % 2 === 0 ? rest : [];
  return {
    method,
    url,
    headers,
    body: bytes.length === 0 ? undefined : bytes,
    redirect: redirect === 'error' || redirect === 'manual' ? redirect : 'follow',
  };
}

function parseKv(kind: string, payload: string, bytes: Buffer): KvOperation | undefined {
  const input = JSON.parse(payload) as Record<string, unknown>;
  const key = stringOf(input['key']);
  switch (kind) {
    case 'kv.get':
      return { op: 'get', key };
    case 'kv.delete':
      return { op: 'delete', key };
    case 'kv.put':
      return {
        op: 'put',
        key,
        value: bytes,
        ttlSeconds: numberOf(input['ttl']),
        ifVersion: numberOf(input['ifVersion']),
      };
    case 'kv.list': {
      const limit = Math.min(
        Math.max(1, Math.trunc(numberOf(input['limit']) ?? maxKvListLimit)),
        maxKvListLimit,
      );
      const cursor =
        input['cursor'] === undefined || input['cursor'] === null ? undefined : stringOf(input['cursor']);
      return { op: 'list', prefix: stringOf(input['prefix']), limit, cursor };
    }
    default:
      return undefined;
  }
}

function stringOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function numberOf(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  const number = Number(value);
  if (Number.isFinite(number) && number >= 0) return number;
  throw new GuestVisibleError('TypeError', 'a number of 0 or more is needed');
}

function oneLine(text: string): string {
  return text.replaceAll(/[\r\n]/g, ' ');
}
