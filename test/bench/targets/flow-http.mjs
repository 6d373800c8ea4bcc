/** The same bodies with nothing around them, and the server that they are passed on from: bare `node:http`. */
import { Agent, createServer, request as send } from 'node:http';
import { Readable } from 'node:stream';

const kilobytes64 = Buffer.alloc(64 * 1024, 'x');
const agent = new Agent({ keepAlive: true });
const sizes = { '/1mb': 16, '/64mb': 1024 };

const routes = {
  '/echo': (request, response) => request.pipe(response),
  '/through': (request, response) => request.pipe(response),
  '/down': (_, response) => parts(16).pipe(response),
  '/events': (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    parts(1).pipe(response);
  },
  '/up': (request, response) => {
    let bytes = 0;
    request.on('data', (chunk) => {
      bytes += chunk.length;
    });
    request.on('end', () => response.end(String(bytes)));
  },
};

const server = createServer((request, response) => {
  const upstream = request.headers['x-upstream'];
  if (upstream !== undefined && routes[request.url] === undefined) passOn(request, response, upstream);
  else if (request.url === '/sink') routes['/up'](request, response);
  else if (sizes[request.url] === undefined) routes[request.url](request, response);
  else {
    response.writeHead(200, { 'content-length': sizes[request.url] * kilobytes64.length });
    parts(sizes[request.url]).pipe(response);
  }
});
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
process.once('disconnect', () => process.exit(0));

function parts(count) {
  let left = count;
  return new Readable({
    read() {
      this.push(left === 0 ? null : kilobytes64);
      left -= 1;
    },
  });
}

function passOn(request, response, upstream) {
  const { method, url } = request;
  const headers = method === 'POST' ? { 'content-length': request.headers['content-length'] } : {};
  const asked = send(upstream + url, { method, agent, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  request.pipe(asked);
}
