/** What the same answer costs with nothing around it: bare `node:http`. */
import { createServer } from 'node:http';

const server = createServer((request, response) => {
  const url = new URL(request.url, `http://${request.headers.host}`);
  const body = JSON.stringify({ path: url.pathname, q: url.searchParams.get('q') });
  response.writeHead(200, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'x-bench': 'json',
  });
  response.end(body);
});
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
process.once('disconnect', () => process.exit(0));
