import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join, normalize } from 'node:path';
import { wptFolder } from './files.mjs';

/** The files of the tests for guests that can only get them over a network; `echo-content.py` gives back what it got. */
export async function startFileServer() {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://wpt.example');
    if (pathname.endsWith('/echo-content.py')) {
      request.pipe(response);
      return;
    }
    const path = join(wptFolder, normalize(decodeURIComponent(pathname)));
    const isThere = path.startsWith(wptFolder) && existsSync(path);
    response.writeHead(isThere ? 200 : 404, { 'content-type': 'application/octet-stream' });
    response.end(isThere ? readFileSync(path) : undefined);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    [Symbol.asyncDispose]: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
