/** The report of a bench as text. */
export function table(report) {
  return tables[report.bench](report);
}

/** The report as text: one row per server, then ours as a ratio to each other one, with the goal where there is one. */
function runTable({ settings, servers, ratios, goals }) {
  const { connections, rounds, seconds } = settings;
  const rows = [
    ['', 'calls/s', 'p50 ms', 'p99 ms', 'CPU µs/call', 'client µs', 'errors'],
    ...Object.entries(servers).map(([name, s]) => [
      name,
      s.rps.toFixed(0),
      s.p50Ms.toFixed(2),
      s.p99Ms.toFixed(2),
      s.cpuUs.toFixed(1),
      s.clientCpuUs.toFixed(1),
      String(s.errors),
    ]),
    ...Object.entries(ratios).map(([name, r]) => [
      `proxylet / ${name}`,
      times(r.rps),
      times(r.p50Ms),
      times(r.p99Ms),
      times(r.cpuUs),
    ]),
    ...Object.entries(goals).map(([name, g]) => [
      `goal against ${name}`,
      `≥ ${g.rps} ×`,
      '',
      `≤ ${g.p99Ms} ×`,
      `≤ ${g.cpuUs} ×`,
    ]),
  ];
  const title = `run: JSON handler, ${connections} connections, medians of ${rounds} rounds of ${seconds} s each`;
  return `${title}\n\n${aligned(rows)}\n`;
}

function flowCells(s) {
  return [
    s.rps.toFixed(0),
    s.mbPerS.toFixed(0),
    s.p50Ms.toFixed(2),
    s.p99Ms.toFixed(2),
    s.cpuUs.toFixed(0),
    s.mbPerCpuS.toFixed(0),
    String(s.errors),
  ];
}

/** One block per case: each server, then ours as a ratio to each other one. */
function flowTable({ settings: { rounds, seconds }, cases, goals }) {
  const rows = [['', 'calls/s', 'MB/s', 'p50 ms', 'p99 ms', 'CPU µs/call', 'MB/CPU s', 'errors']];
  for (const [name, { connections, servers, ratios }] of Object.entries(cases)) {
    rows.push([`${name}, ${connections} connections`]);
    for (const [server, s] of Object.entries(servers)) rows.push([`  ${server}`, ...flowCells(s)]);
    for (const [server, r] of Object.entries(ratios)) {
      const all = [r.rps, r.mbPerS, r.p50Ms, r.p99Ms, r.cpuUs, r.mbPerCpuS];
      rows.push([`  proxylet / ${server}`, ...all.map(times)]);
    }
  }
  const title = `flow: bodies of calls, medians of ${rounds} rounds of ${seconds} s each`;
  const goal = `goals: passed on ≥ ${goals['passed on / node:http']} × node:http as a proxy; in and out of the guest ≥ ${goals.guestMbPerS} MB/s per core`;
  return `${title}\n${goal}\n\n${aligned(rows)}\n`;
}

const catalogColumns = {
  publishP50Ms: { title: 'publish p50 ms', digits: 2, goal: '≤' },
  publishP99Ms: { title: 'p99 ms', digits: 1 },
  publishCpuMs: { title: 'CPU ms', digits: 2 },
  publishesPerS: { title: 'publishes/s', digits: 0, goal: '≥' },
  publishP99MsOf8: { title: 'p99 ms', digits: 1 },
  blobsPerS: { title: 'blobs/s', digits: 0, goal: '≥' },
  metadataPerS: { title: 'metadata/s', digits: 0, goal: '≥' },
  metadata100PerS: { title: 'at 100', digits: 0, goal: '≥' },
  residentMb: { title: 'MB at end', digits: 0 },
};

/** One row per server, then the catalog as a ratio to each other one, with the goals where there are some. */
function catalogTable({ settings, servers, ratios, goals }) {
  const { clients, connections, rounds, seconds } = settings;
  const columns = Object.entries(catalogColumns);
  const row = (name, cell) => [name, ...columns.map(([figure, column]) => cell(figure, column))];
  const rows = [
    row('', (_, { title }) => title),
    ...Object.entries(servers).map(([name, s]) =>
      row(name, (figure, { digits }) => s[figure].toFixed(digits)),
    ),
    ...Object.entries(ratios).map(([name, r]) =>
      row(`catalog / ${name}`, (figure) => (r[figure] === undefined ? '' : times(r[figure]))),
    ),
    ...Object.entries(goals).map(([name, g]) =>
      row(`goal against ${name}`, (figure, { goal }) =>
        g[figure] === undefined ? '' : `${goal} ${g[figure]} ×`,
      ),
    ),
  ];
  const title = `catalog: archives of 30 KiB; p50 of one client, publishes/s of ${clients}; reads over ${connections} connections; medians of ${rounds} rounds of ${seconds} s each`;
  const notes = `verdaccio never calls fsync; "synced" is the same with every file synced before it counts, as the catalog does.
It lets anybody in and looks at no archive; the catalog verifies a token and checks every byte.`;
  return `${title}\n${notes}\n\n${aligned(rows)}\n`;
}

/** CPU is that of the one thread that resolves: on a machine with other work, the wall clock says little. */
function resolveTable({ cases, goals }) {
  const rows = [
    ['', 'runs', 'p50 ms', 'p99 ms', 'CPU p50 ms', 'CPU p99 ms', 'outcomes'],
    ...Object.entries(cases).map(([name, one]) => [
      name,
      String(one.resolutions),
      one.p50Ms.toFixed(2),
      one.p99Ms.toFixed(2),
      one.cpuP50Ms.toFixed(2),
      one.cpuP99Ms.toFixed(2),
      Object.entries(one.outcomes)
        .map(([outcome, count]) => `${count} ${outcome}`)
        .join(', '),
    ]),
    ['goal', '', `≤ ${goals.p50Ms}`, `≤ ${goals.p99Ms}`],
  ];
  const title = 'resolve: 200 proxylets with 50 versions and about 5 dependencies each';
  return `${title}\n\n${aligned(rows)}\n`;
}

/** One row per situation; the last column is p99 against that of the same server when it was quiet. */
function coldTable({ settings, servers, goals }) {
  const rows = [
    ['', 'cold p50 ms', 'cold p99 ms', 'warm p50 ms', 'cold over warm ms'],
    ...Object.entries(servers).map(([name, s]) => [
      name,
      s.coldP50Ms.toFixed(2),
      s.coldP99Ms.toFixed(2),
      s.warmP50Ms.toFixed(2),
      s.overMs.toFixed(2),
    ]),
    ['goal', '', `≤ ${goals.coldP99Ms}`, '', `≤ ${goals.overMs}`],
  ];
  const title = `cold: ${settings.calls} calls of what is installed and not in memory, and the calls after them`;
  return `${title}\n\n${aligned(rows)}\n`;
}

function noisyTable({ settings, servers, goal }) {
  const rows = [
    ['', '', 'p50 ms', 'p99 ms', 'p99 / quiet'],
    ...Object.entries(servers).flatMap(([server, situations]) =>
      Object.entries(situations).map(([name, { p50Ms, p99Ms }]) => [
        server,
        name,
        p50Ms.toFixed(2),
        p99Ms.toFixed(2),
        name === 'quiet' ? '' : times(p99Ms / situations.quiet.p99Ms),
      ]),
    ),
    ['goal', '', '', '', `≤ ${goal.p99Times} ×`],
  ];
  const title = `noisy: a well-behaved proxylet (${settings.callers} callers, at ease) while ${settings.noisyCallers} callers keep a neighbour busy`;
  return `${title}\n\n${aligned(rows)}\n`;
}

function idleTable({ settings, servers, goal }) {
  const rows = [
    ['', 'installed, MB each', 'called once, MB each', 'in memory'],
    ...Object.entries(servers).map(([server, { loadedMbEach, calledMbEach, isolates }]) => [
      server,
      loadedMbEach.toFixed(2),
      calledMbEach.toFixed(2),
      String(isolates),
    ]),
    ['goal', '', `≤ ${goal.calledMbEach}`, ''],
  ];
  const title = `idle: ${settings.installations} installations, resident memory beyond that of one`;
  return `${title}\n\n${aligned(rows)}\n`;
}

function authTable({ settings, cached, floods, goals }) {
  const rows = [
    ['', 'answers/s', 'p50 ms', 'p99 ms', 'errors'],
    ...Object.entries(floods).map(([name, f]) => [
      name,
      f.rps.toFixed(0),
      f.p50Ms.toFixed(2),
      f.p99Ms.toFixed(2),
      String(f.errors),
    ]),
    ['goal', '', '', `< ${goals.junkP99Ms}`, '0'],
  ];
  const seen = `A token seen before: p50 ${cached.p50Us.toFixed(2)} µs, p99 ${cached.p99Us.toFixed(2)} µs; goal ≤ ${goals.cachedUs} µs.`;
  const title = `auth: tokens that are none, ${settings.connections} connections, ${settings.seconds} s each`;
  return `${title}\n${seen}\n\n${aligned(rows)}\n`;
}

const tables = {
  run: runTable,
  cold: coldTable,
  flow: flowTable,
  noisy: noisyTable,
  idle: idleTable,
  catalog: catalogTable,
  resolve: resolveTable,
  auth: authTable,
};

function times(ratio) {
  return `${ratio.toFixed(2)} ×`;
}

function aligned(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows
    .map((row) =>
      widths
        .map((width, column) => {
          const cell = row[column] ?? '';
          return column === 0 ? cell.padEnd(width) : cell.padStart(width);
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
