import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { toolFolder } from './paths.mjs';
import { exitCodes, say, Stop } from './report.mjs';

const waitMaxMs = 10 * 60_000;

/** Runs `work` while no other process of this clone sets up: two `npm start` at once do not write over each other. */
export async function withSetupLock(work) {
  const path = join(toolFolder, 'setup.lock');
  await take(path);
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

async function take(path) {
  let said = false;
  for (const start = Date.now(); Date.now() - start < waitMaxMs; await delay(100)) {
    if (tryTake(path)) return;
    if (!said) say('Another set-up of this folder is under way: waiting for it.');
    said = true;
  }
  throw new Stop(
    exitCodes.internal,
    `${path} is held for too long: end the process it names, or delete the file.`,
  );
}

function tryTake(path) {
  try {
    makeFolder(toolFolder);
    writeFileSync(path, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  if (!isAlive(holderOf(path))) rmSync(path, { force: true });
  return false;
}

/** @throws Stop 73 when the clone cannot be written */
export function makeFolder(folder) {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw cannotWrite(folder, error);
  }
}

export function cannotWrite(folder, error) {
  return new Stop(
    exitCodes.cannotCreate,
    `The folder ${folder} cannot be written (${error.code}): give this user the right to write there, or clone elsewhere.`,
  );
}

/** A file that is empty was just made: its writer is about to write its number. */
function holderOf(path) {
  try {
    return Number(readFileSync(path, 'utf8')) || process.pid;
  } catch {
    return process.pid;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
