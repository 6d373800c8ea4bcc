import { Agent, request } from 'node:http';
import { Latencies } from './latencies.mjs';

/**
 * Publishes lists of packs, one list per client, each client one after the other over a connection it keeps.
 * Everything to send is made before the clock starts. Gives latencies in ms and seconds for all.
 *
 * @throws Error at the first answer that is not 2xx
 */
export async function publishAll(target, lists) {
  const token = await target.headers();
  const work = lists.map((packs) => packs.map((pack) => target.publication(pack)));
  const latencies = new Latencies();
  const startedMs = performance.now();
  await Promise.all(work.map((publications) => publishInTurn(target, token, publications, latencies)));
  return { latencies, seconds: (performance.now() - startedMs) / 1000 };
}

async function publishInTurn(target, token, publications, latencies) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    for (const { path, headers, body } of publications) {
      const startedMs = performance.now();
      const { status, text } = await put(agent, target.url + path, { ...token, ...headers }, body);
      if (status < 200 || status > 299) throw new Error(`${target.name} answered ${status}: ${text}`);
      latencies.add(performance.now() - startedMs);
    }
  } finally {
    agent.destroy();
  }
}

function put(agent, url, headers, body) {
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      { agent, method: 'PUT', headers: { ...headers, 'content-length': body.length } },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part) => (text += part));
        response.once('end', () => resolve({ status: response.statusCode, text }));
        response.once('error', reject);
      },
    );
    sent.once('error', reject);
    sent.end(body);
  });
}
