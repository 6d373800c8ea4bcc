import type { RunningStack } from './stack.js';

/** The one line for scripts (DESIGN §8). */
export function announceJson({ idm, catalog, engine, stateDir }: RunningStack): string {
  const line = {
    ready: true,
    catalog: catalog.url,
    engine: engine.url,
    idm: idm.url,
    pids: { catalog: catalog.pid, engine: engine.pid, idm: idm.pid },
    stateDir,
  };
  return `${JSON.stringify(line)}\n`;
}

/** What a person reads: addresses, and lines to copy. */
export function announce({ idm, catalog, engine, stateDir }: RunningStack): string {
  return `
Proxylet is ready. Ctrl-C stops it and keeps the data.

  catalog  ${catalog.url}   API: ${catalog.url}/docs
  engine   ${engine.url}   API: ${engine.url}/docs
  IdM      ${idm.url}   users alice, bob, paula, adam
  data     ${stateDir}   logs in stack/*.log

Try, in another terminal:

  TOKEN=$(curl -s ${idm.url}/dev/token -d user=alice -d audience=engine | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')
  curl -s ${engine.url}/.well-known/proxylet-engine
  curl -s -X POST ${engine.url}/v1/services/demo/smart-grid/initialize -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{"consent":true}'
  curl -s '${engine.url}/run/demo/geo/?lat=52.52&lon=13.4' -H "Authorization: Bearer $TOKEN"
`;
}
