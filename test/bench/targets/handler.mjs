/** The handler under test, as it is: published as a proxylet, and given to workerd as a worker. */
// oxlint-disable-next-line import/no-default-export -- both runtimes look for it
export default {
  fetch(request) {
    const url = new URL(request.url);
    return Response.json(
      { path: url.pathname, q: url.searchParams.get('q') },
      { headers: { 'x-bench': 'json' } },
    );
  },
};
