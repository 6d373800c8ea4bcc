import { Agent, request } from 'node:http';
import { Latencies } from '../latencies.mjs';

/** Asks one question after the other over one connection that is kept; gives the latencies in ms. */
export async function askAll(target, questions) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const latencies = new Latencies();
  try {
    for (const question of questions) {
      const startedMs = performance.now();
      const { status, text } = await ask(agent, target, question);
      latencies.add(performance.now() - startedMs);
      if (status !== 200) throw new Error(`${question.path} was answered ${status}: ${text.slice(0, 500)}`);
    }
  } finally {
    agent.destroy();
  }
  return latencies;
}

function ask(agent, { url, authorization }, { path, body }) {
  const headers =
    body === undefined
      ? { authorization }
      : { authorization, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const sent = request(
      url + path,
      { agent, method: body === undefined ? 'GET' : 'POST', headers },
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
