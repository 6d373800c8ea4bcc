import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makePrivateFolder } from '../files.js';
import { seed } from '../seed/seed.js';
import type { StackConfig } from '../stack.config.js';
import type { Stop } from '../stop.js';
import { catalogEnvironment, engineEnvironment, idmEnvironment } from './environments.js';
import { Service } from './service.js';
import { ServiceLog } from './service-log.js';
import { lockState } from './state-lock.js';

const stopGraceMs = 5000;
const apps = fileURLToPath(new URL('../../../', import.meta.url));

export interface Ready {
  readonly url: string;
  readonly pid: number;
}

export interface RunningStack {
  readonly idm: Ready;
  readonly catalog: Ready;
  readonly engine: Ready;
  readonly stateDir: string;
}

/** IdM, catalog and engine, each in its own process, over one state folder. */
export class Stack {
  private readonly services: Service[] = [];
  private readonly logs: ServiceLog[] = [];
  private lock: { release(): Promise<void> } | undefined;
  private stopping: Promise<void> | undefined;

  constructor(
    private readonly config: StackConfig,
    private readonly warn: (line: string) => void,
    /** Called when a service that was ready ends by itself. */
    private readonly onDeath: (stop: Stop) => void,
  ) {}

  /**
   * Starts everything and publishes the sample data.
   *
   * @throws Stop with the code of the service that could not start
   */
  async start(): Promise<RunningStack> {
    const { config } = this;
    await makePrivateFolder(join(config.stateDir, 'stack'));
    this.lock = await lockState(join(config.stateDir, 'stack'));
    const idm = await this.launch('idm', 'stack/dist/idm/main.js', idmEnvironment(config));
    const { catalog, engine } = await this.startServices(idm.url);
    await this.seed(catalog.url, idm.url);
    return { idm, catalog, engine, stateDir: config.stateDir };
  }

  /** Stops every service and ends what has not stopped after 5 s. Safe to call twice. */
  stop(): Promise<void> {
    this.stopping ??= this.stopAll();
    return this.stopping;
  }

  private async startServices(idmUrl: string): Promise<{ catalog: Ready; engine: Ready }> {
    const { config } = this;
    const catalogStart = this.launch('catalog', 'catalog/dist/main.js', catalogEnvironment(config, idmUrl));
    // The engine is told the catalog's address: with a port still to be picked it has to wait for it.
    const catalogUrl =
      config.catalogPort === 0 ? (await catalogStart).url : `http://127.0.0.1:${config.catalogPort}`;
    const engineStart = this.launch(
      'engine',
      'engine/dist/main.js',
      engineEnvironment(config, idmUrl, catalogUrl),
    );
    const [catalog, engine] = await Promise.all([catalogStart, engineStart]);
    return { catalog, engine };
  }

  private async launch(name: string, main: string, environment: NodeJS.ProcessEnv): Promise<Ready> {
    const log = new ServiceLog(join(this.config.stateDir, 'stack', `${name}.log`));
    this.logs.push(log);
    const service = new Service({ name, main: join(apps, main), environment, log });
    this.services.push(service);
    const ready = await service.whenReady();
    void this.watch(service);
    return ready;
  }

  private async watch(service: Service): Promise<void> {
    const exit = await service.exited;
    if (this.stopping === undefined) this.onDeath(service.stopOf(exit));
  }

  private async seed(catalogUrl: string, idmUrl: string): Promise<void> {
    try {
      await seed({ catalogUrl, idmUrl, folder: this.config.seedDir, warn: this.warn });
    } catch (error) {
      this.warn(
        `The sample data could not be published: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }

  private async stopAll(): Promise<void> {
    await Promise.all(this.services.map((service) => service.stop(stopGraceMs)));
    for (const log of this.logs) log.close();
    await this.lock?.release();
  }
}
