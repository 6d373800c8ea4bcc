/** Main modules of proxylets that many tests need. */
export const hello = `export default { fetch: () => new Response('hello') };`;

/** Says which version it is. */
export const saying = (text: string): string =>
  `export default { fetch: () => new Response(${JSON.stringify(text)}) };`;

/** Fetches what the body asks for, \`{url, init}\`, and tells what came of it. */
export const fetcher = `export default {
  async fetch(request) {
    const { url, init } = await request.json();
    try {
      const answer = await fetch(url, init);
      return Response.json({ status: answer.status, url: answer.url, redirected: answer.redirected, body: await answer.text() });
    } catch (error) {
      return Response.json({ refused: String(error) });
    }
  },
};`;

/** Counts its calls in KV. */
export const counter = `export default {
  async fetch(request, env, ctx) {
    for (;;) {
      const { value, version } = await env.KV.getWithVersion('count', { type: 'json' });
      const count = (value ?? 0) + (request.method === 'POST' ? 1 : 0);
      if (request.method !== 'POST' || (await env.KV.put('count', JSON.stringify(count), { ifVersion: version })) !== null) {
        return Response.json({ count, user: ctx.user.subject });
      }
    }
  },
};`;
