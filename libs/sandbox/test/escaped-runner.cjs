'use strict';
// What a guest could try that had broken out of its isolate: plain code in the place of the runner's own, started as
// runners are. Tells on descriptor 3 what came of each try, as one line of JSON.
const fs = require('node:fs');
const net = require('node:net');

const [, , enginePid, port, otherPid, secretFile] = process.argv;

function attempt(work) {
  try {
    const value = work();
    return `did it: ${String(value).slice(0, 60)}`;
  } catch (error) {
    return `refused: ${error.code ?? error.name}`;
  }
}

const tries = {
  'read a file': () => fs.readFileSync(secretFile, 'utf8'),
  'read the password file': () => fs.readFileSync('/etc/passwd', 'utf8'),
  'list a folder': () => fs.readdirSync('/'),
  'write a file': () => fs.writeFileSync(`${secretFile}.new`, 'x'),
  'read the environment of the engine': () => fs.readFileSync(`/proc/${enginePid}/environ`, 'utf8'),
  'read the memory of the engine': () => fs.openSync(`/proc/${enginePid}/mem`, 'r'),
  'start a process': () => require('node:child_process').spawnSync('/bin/true').status,
  'start a thread of Node': () => new (require('node:worker_threads').Worker)('1', { eval: true }).threadId,
  'ask for more rights': () => process.setuid(0),
  'use the inspector': () => require('node:inspector').open(0),
};
const found = Object.fromEntries(Object.entries(tries).map(([name, work]) => [name, attempt(work)]));
found['signal the engine'] = attempt(() => process.kill(Number(enginePid), 0));
found['signal another runner'] = attempt(() => process.kill(Number(otherPid), 0));

const socket = net.connect(Number(port), '127.0.0.1');
const tell = (outcome) => {
  found['connect to the host'] = outcome;
  fs.writeSync(3, `${JSON.stringify(found)}\n`);
  process.exit(0);
};
socket.on('connect', () => tell('did it'));
socket.on('error', (error) => tell(`refused: ${error.code}`));
