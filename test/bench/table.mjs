/** The report as text: one row per server, then ours as a ratio to each other one, with the goal where there is one. */
export function table({ settings, servers, ratios, goals }) {
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
