import type Ivm from 'isolated-vm';
import { type Blank, type BlankOptions, makeBlank } from './blank.js';
import { entry } from './entries.js';

/** Calls that are under way come first, and those that follow them: a new isolate costs them some milliseconds. */
const refillMs = 15;

/** A few isolates with the prelude in them, so that a first call pays for the proxylet's own code only. */
export class BlankPool {
  private readonly stock: Blank[] = [];
  private isFilling = false;
  private isTimed = false;

  /**
   * @param size how many are kept, 0 for none
   * @param memoryMb limit of those that are kept; it follows what was asked for last
   */
  constructor(
    private readonly options: BlankOptions,
    private readonly size: number,
    private memoryMb: number,
  ) {}

  get count(): number {
    return this.stock.length;
  }

  /** One at hand, else a new one. @throws where there is no memory for it */
  async take(memoryMb: number): Promise<Blank> {
    this.memoryMb = memoryMb;
    const at = this.stock.findIndex((blank) => blank.memoryMb === memoryMb);
    const [known] = at < 0 ? [] : this.stock.splice(at, 1);
    this.refillSoon();
    return known ?? makeBlank(memoryMb, this.options);
  }

  /** Makes the code cache by an ordinary call in an isolate that is thrown away, then the first stock. */
  async prepare(): Promise<void> {
    const model = await makeBlank(this.memoryMb, this.options);
    await exercise(model);
    await this.options.prelude.keepCacheOf(model.isolate);
    model.isolate.dispose();
    await this.fill();
  }

  /** Gives back what the stock holds. */
  dispose(): void {
    for (const { isolate } of this.stock.splice(0)) isolate.dispose();
  }

  private refillSoon(): void {
    if (this.isTimed || this.size === 0) return;
    this.isTimed = true;
    setTimeout(() => {
      this.isTimed = false;
      void this.fill();
    }, refillMs);
  }

  /** Never rejects: without a stock a guest's isolate is made when it is wanted. */
  private async fill(): Promise<void> {
    if (this.isFilling) return;
    this.isFilling = true;
    try {
      while (this.stock.filter(({ memoryMb }) => memoryMb === this.memoryMb).length < this.size) {
        const blank = await makeBlank(this.memoryMb, this.options);
        this.stock.push(blank);
        if (this.stock.length > this.size) this.stock.shift()?.isolate.dispose();
      }
    } catch (error) {
      process.stderr.write(`runner: no isolate in stock: ${String(error)}\n`);
    } finally {
      this.isFilling = false;
    }
  }
}

const sample = `({ fetch(request) {
  const { pathname } = new URL(request.url);
  return Response.json({ pathname, type: request.headers.get('accept') }, { headers: { 'x-sample': '1' } });
} })`;
const environment = '{"config":{},"secrets":{},"hasKv":false,"dependencies":[],"installation":{}}';
const head = 'GET\nhttp://sample.invalid/a?b=1\n{}\n0\naccept\n*/*';

/** What most calls do, so that the code cache has it compiled. */
async function exercise({ context, attach, enter }: Blank): Promise<void> {
  const handler: Ivm.Reference<object> = await context.eval(sample, { reference: true });
  // oxlint-disable-next-line no-useless-call -- a method of isolated-vm's Reference, not of a function
  await attach.apply(undefined, [handler.derefInto(), environment]);
  // oxlint-disable-next-line no-useless-call -- likewise
  await enter.apply(undefined, [entry.call, 1, head, undefined, false] as never[]);
}
