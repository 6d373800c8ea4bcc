import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

// Runs one test module on Node: `node node-child.mjs <module> <folder of the tests>`.
const [, , file, folder] = process.argv;
const { Response, URL } = globalThis;
const { stdout } = process;
globalThis.fetch = (url, init) => {
  const { pathname } = new URL(url);
  const isEcho = pathname.endsWith('/echo-content.py');
  return Promise.resolve(new Response(isEcho ? init.body : readFileSync(join(folder, pathname))));
};
process.on('unhandledRejection', () => undefined);
process.on('uncaughtException', () => undefined);
const { default: handler } = await import(pathToFileURL(file).href);
const answer = await handler.fetch();
stdout.write(await answer.text(), () => process.exit(0));
