#!/usr/bin/env node
/**
 * Mixed load on one real stack with 52 installations of two users, while runners are killed at random: JSON, bodies
 * both ways, streams left half-way, key-value data, calls of dependencies, updates, removals, and guests that break
 * their limits. Every answer is checked.
 *
 *   npm run soak [-- --minutes 30 | --seconds 20]
 *
 * Prints a report as JSON; exit code 1 where an answer was wrong, the engine ended, or memory or open files grew.
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { setTimeout as wait } from 'node:timers/promises';
import { childrenOf } from '@proxylet/testing';
import { Load } from './soak/load.mjs';
import { startSite } from './soak/site.mjs';
import { ProcessWatch } from './soak/watch.mjs';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '30' }, seconds: { type: 'string' } },
});
const seconds = values.seconds === undefined ? Number(values.minutes) * 60 : Number(values.seconds);
if (!(seconds > 0 && seconds <= 86_400)) {
  process.stderr.write('--minutes or --seconds must be a number, at most a day.\n');
  process.exit(64);
}
/** Between two kills, ms: enough that calls get through in between, often enough that every state meets one. */
const killMs = { least: 1500, most: 9000 };
const shownFaults = 20;

const report = await run();
process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
process.exitCode = report.faults.length === 0 ? 0 : 1;

async function run() {
  const site = await startSite({ PROXYLET_LOG_LEVEL: 'error' });
  try {
    const { pid } = site.stack.engine;
    const load = new Load(site);
    const watch = new ProcessWatch(site.stack.engine);
    load.start();
    await killAtRandom(load, pid, performance.now() + seconds * 1000);
    await load.stop();
    watch.stop();
    await load.atEnd();
    const { figures, faults } = watch.report();
    const restarts = site.stack.engine.isRunning && site.stack.engine.pid === pid ? 0 : 1;
    return {
      seconds,
      installations: site.installations.length,
      ...load.counts,
      wrongAnswers: load.wrong.length,
      engineRestarts: restarts,
      ...figures,
      faults: [
        ...load.wrong.slice(0, shownFaults),
        ...(restarts === 0 ? [] : [`the engine ended: ${site.stack.logsSince()}`]),
        ...faults,
      ],
    };
  } finally {
    await site.stack[Symbol.asyncDispose]();
  }
}

async function killAtRandom(load, enginePid, endMs) {
  for (;;) {
    await wait(Math.max(0, Math.min(randomInt(killMs.least, killMs.most), endMs - performance.now())));
    if (performance.now() >= endMs) return;
    const runners = childrenOf(enginePid);
    const victim = runners[randomInt(Math.max(1, runners.length))];
    if (victim === undefined) continue;
    load.lastKillMs = performance.now();
    load.counts.kills += 1;
    try {
      process.kill(victim, 'SIGKILL');
    } catch {
      // It ended by itself in between.
    }
  }
}
