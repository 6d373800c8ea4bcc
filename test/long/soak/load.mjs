import { randomInt } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { kinds } from './kinds.mjs';
import { versions } from './site.mjs';

/** Calls under way at once. */
const callers = 10;
/** Between two changes of installations, ms. */
const changeMs = 400;
/** After a kill, calls that lost their runner may be told so for this long: a starved machine is slow to say it. */
const killEchoMs = 5000;

/** What a soak does to a site, and what came of it. */
export class Load {
  counts = { calls: 0, lostToKills: 0, left: 0, changes: 0, changesLostToKills: 0, kills: 0 };
  wrong = [];
  lastKillMs = -Infinity;
  #isOver = false;
  #work = [];

  constructor(site) {
    this.site = site;
  }

  start() {
    this.#work = [...Array.from({ length: callers }, () => this.#callOn()), this.#changeOn()];
  }

  /** Ends when what is under way has been answered. */
  async stop() {
    this.#isOver = true;
    await Promise.all(this.#work);
  }

  async atEnd() {
    for (const installation of this.site.installations) {
      const fault = await kinds[installation.kind].atEnd?.(this.#sender(installation), installation);
      if (fault !== undefined) this.#wrong(installation, fault);
    }
  }

  async #callOn() {
    while (!this.#isOver) {
      const { installations } = this.site;
      const installation = installations[randomInt(installations.length)];
      try {
        const fault = await kinds[installation.kind].call(this.#sender(installation), installation);
        if (fault !== undefined) this.#wrong(installation, fault);
      } catch (error) {
        this.#wrong(installation, String(error?.stack ?? error));
      }
    }
  }

  #wrong({ user, name }, fault) {
    this.wrong.push(`${new Date().toISOString()} ${user} ${name}: ${fault}`);
  }

  #sender(installation) {
    return async (method, path, options = {}) => {
      this.counts.calls += 1;
      const startMs = performance.now();
      try {
        const answer = await this.#send(installation, method, path, options);
        if (answer === undefined || !isLoss(answer) || !this.#mayBeLost(startMs)) return answer;
      } catch (error) {
        if (!this.#mayBeLost(startMs)) throw error;
      }
      this.counts.lostToKills += 1;
      return undefined;
    };
  }

  /** Whether a kill explains that a call begun then has no answer. */
  #mayBeLost(startMs) {
    return this.lastKillMs + killEchoMs > startMs;
  }

  async #send({ user, name }, method, path, { body, leaveAfterBytes }) {
    const response = await fetch(`${this.site.stack.engine.url}/run/${name}${path}`, {
      method,
      headers: { authorization: await this.site.bearer(user) },
      ...(body === undefined ? {} : { body }),
      signal: AbortSignal.timeout(60_000),
    });
    if (leaveAfterBytes === undefined) {
      return { status: response.status, body: Buffer.from(await response.arrayBuffer()) };
    }
    let read = 0;
    for await (const chunk of response.body) {
      read += chunk.length;
      if (read >= leaveAfterBytes) break;
    }
    this.counts.left += 1;
    return undefined;
  }

  /** Updates, roll-backs, removals and installations, one at a time. */
  async #changeOn() {
    while (!this.#isOver) {
      await wait(changeMs);
      const installations = this.site.installations.filter(({ kind }) => kinds[kind].isFixed !== true);
      const installation = installations[randomInt(installations.length)];
      const startMs = performance.now();
      try {
        await (installation.kind === 'scratch'
          ? this.#removeOrInstall(installation)
          : this.#update(installation));
        this.counts.changes += 1;
      } catch (error) {
        if (this.#mayBeLost(startMs)) this.counts.changesLostToKills += 1;
        else this.#wrong(installation, `a change failed: ${String(error)}`);
      }
    }
  }

  /** Calls begun before the end of an update may be answered by either version, later ones by the new one only. */
  async #update(installation) {
    const next = versions[randomInt(versions.length)];
    installation.versions.add(next);
    await this.site.stack.install(installation.user, installation.name, { version: next });
    installation.versions = new Set([next]);
  }

  async #removeOrInstall(installation) {
    const { stack } = this.site;
    const next = installation.mayBe.has('there') ? 'absent' : 'there';
    installation.mayBe.add(next);
    const { user, name } = installation;
    if (next === 'there') await stack.install(user, name, { version: versions[0] });
    else await stack.send('DELETE', `${stack.engine.url}/v1/installations/${name}`, user, 'engine');
    installation.mayBe = new Set([next]);
  }
}

/** Answers that tell of a lost process and not of a fault. */
function isLoss({ status, body }) {
  return status === 503 && /"code":"(?:runner-lost|engine-busy)"/.test(body.toString('latin1'));
}
