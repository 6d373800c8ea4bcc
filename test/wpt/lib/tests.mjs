import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';
import { wptFolder } from './files.mjs';

/** What is run and counted, by default all. */
export const folders = [
  'url',
  'encoding',
  'streams',
  'dom/abort',
  'dom/events',
  'html/webappapis',
  'hr-time',
  'user-timing',
  'FileAPI',
  'WebCryptoAPI',
  'console',
  'webidl',
  'wasm/jsapi',
];

/** Where the tests believe to be. */
const wptOrigin = 'https://wpt.example';

/** Paths of the tests of a folder that need no page: `*.any.js`, in order. */
export function testsOf(folder) {
  return readdirSync(join(wptFolder, folder), { recursive: true })
    .map((path) => join(folder, path))
    .filter((path) => path.endsWith('.any.js'))
    .toSorted();
}

/**
 * One test file as a proxylet's module: testharness.js, the scripts it names and the test itself within one call.
 * Modules are strict and cannot be evaluated from text, so that everything is put together here.
 *
 * @param filesAt the origin that has the files it fetches
 */
export function moduleOf(path, query = '', filesAt = wptOrigin) {
  const test = readWpt(path);
  const scripts = [...test.matchAll(/^\/\/ META: script=(.*)$/gm)].map(([, script = '']) =>
    script.startsWith('/') ? script.slice(1) : join(dirname(path), script),
  );
  const isDoneByItself = /explicit_done\s*:\s*true/.test(test);
  const texts = [...scripts.map(readWpt), test];
  return [
    before(path, query, filesAt),
    readWpt('resources/testharness.js'),
    start,
    looseGlobals(texts.join('\n')),
    texts.some((text) => text.includes('idl_test')) ? forInterfaces(test) : '',
    ...texts,
    isDoneByItself ? '' : '\ndone();\n',
    after,
  ].join('\n');
}

/** The queries a test asks to be run with, one after the other; most have one, the empty one. */
export function variantsOf(path) {
  const variants = [...readWpt(path).matchAll(/^\/\/ META: variant=(.*)$/gm)].map(([, query]) => query);
  return variants.length === 0 ? [''] : variants;
}

export function readWpt(path) {
  const file = path === 'resources/WebIDLParser.js' ? 'resources/webidl2/lib/webidl2.js' : path;
  return readFileSync(join(wptFolder, file), 'utf8');
}

/** Names that scripts assign without declaring them, which strict code may not. */
function looseGlobals(text) {
  const names = new Set([...text.matchAll(/^\s*([A-Za-z_$][\w$]*) = /gm)].map(([, name]) => name));
  return [...names]
    .map((name) => `if (!('${name}' in globalThis)) globalThis.${name} = undefined;`)
    .join('\n');
}

/** Tests of interfaces ask which kind of worker this is, and evaluate the few texts they name objects by. */
function forInterfaces(test) {
  const texts = new Set([...test.matchAll(/(["'])((?:(?!\1).)*)\1/g)].map(([, , text]) => text));
  const known = [...texts].filter(isExpression).map((text) => `${JSON.stringify(text)}: () => (${text}),`);
  return `
globalThis.DedicatedWorkerGlobalScope = class { static [Symbol.hasInstance]() { return true; } };
const wptTexts = {\n${known.join('\n')}\n};
globalThis.eval ??= (text) => wptTexts[text]();
`;
}

function isExpression(text) {
  return /^\(?(new )?[A-Za-z_]/.test(text) && canParse(`(${text})`);
}

function canParse(text) {
  try {
    void new Script(text);
    return true;
  } catch {
    return false;
  }
}

/** Names the harness puts on the global are for tests alone; `location` comes after it has looked around. */
const before = (path, query, filesAt) => `
const wptGiven = globalThis.fetch;
const wptBase = ${JSON.stringify(`${wptOrigin}/${path}${query}`)};
const wptFile = (url) => new URL(url, wptBase).href.replace('${wptOrigin}', '${filesAt}');
globalThis.self = globalThis;
globalThis.GLOBAL = { isWindow: () => false, isWorker: () => true, isShadowRealm: () => false };
globalThis.fetch = (url, init) => wptGiven(typeof url === 'string' ? wptFile(url) : url, init);
export default { fetch() { return new Promise((wptAnswer) => { (function () {
`;

const start = `
const { href, origin, protocol, host, pathname, search } = new URL(wptBase);
globalThis.location = { href, origin, protocol, host, pathname, search, toString: () => href };
setup({ explicit_done: true, explicit_timeout: true });
add_completion_callback((tests, status) => {
  const rows = tests.map(({ name, status, message }) => [name, status, String(message ?? '').slice(0, 300)]);
  wptAnswer(Response.json({ rows, status: status.status, message: String(status.message ?? '').slice(0, 300) }));
});
setTimeout(() => timeout(), 20_000);
try { (function () {
`;

const after = `
})(); } catch (error) {
  wptAnswer(Response.json({ rows: [], status: 1, message: String(error?.message ?? error).slice(0, 300) }));
}
})(); }); } };
`;
