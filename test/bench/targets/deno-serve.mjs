/* global Deno */
import handler from './handler.mjs';

Deno.serve(
  // oxlint-disable-next-line no-console -- the one way it has to tell its port
  { hostname: '127.0.0.1', port: 0, onListen: ({ port }) => console.log(`port ${port}`) },
  (request) => handler.fetch(request),
);
