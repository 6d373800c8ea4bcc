/** What bodies go through, as it is: published as a proxylet, and given to workerd as a worker. */
const kilobytes64 = new Uint8Array(64 * 1024).fill(120);

function made(parts) {
  let left = parts;
  return new ReadableStream({
    pull(controller) {
      if (left === 0) controller.close();
      else controller.enqueue(kilobytes64.slice());
      left -= 1;
    },
  });
}

// oxlint-disable-next-line import/no-default-export -- both runtimes look for it
export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    switch (pathname) {
      case '/echo':
        return new Response(await request.text());
      case '/down':
        return new Response(made(16));
      case '/up': {
        let bytes = 0;
        for await (const chunk of request.body) bytes += chunk.byteLength;
        return new Response(String(bytes));
      }
      case '/through': {
        const each = { transform: (chunk, controller) => controller.enqueue(chunk) };
        return new Response(request.body.pipeThrough(new TransformStream(each)));
      }
      case '/dependency':
        return env.JSON.fetch('http://json/items?q=7');
      case '/events':
        return new Response(made(1), { headers: { 'content-type': 'text/event-stream' } });
      case '/sink':
        return fetch(request.headers.get('x-upstream') + pathname, { method: 'POST', body: request.body });
      default:
        return fetch(request.headers.get('x-upstream') + pathname);
    }
  },
};
