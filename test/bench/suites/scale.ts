import type { CrowdReport, CrowdWish } from '../contests/crowd-watch.ts';
import { CONNECTIONS } from '../contests/scale.ts';
import type { HostKind } from '../hosts/host.ts';
import { NodeHost } from '../hosts/node-host.ts';
import { raceEverywhere } from '../races.ts';
import { type Line, US } from '../report.ts';
import type { Pace, Suite } from '../suite.ts';
import { Table } from '../table.ts';

const FAIR = 100;

export const scale: Suite = {
  name: 'scale',
  title: 'one tunnel, many connections; one engine, many peers',
  tolerance: 0.25,
  targets: [{ host: 'node', line: `Jain’s index of ${FAIR} connections`, value: 0.9 }],
  run: async (hosts, pace) => {
    const { lines, notes } = await raceEverywhere('scale', hosts, pace);
    return { lines: [...lines, ...(await crowdLines(hosts, pace))], notes };
  },
};

/** Only Node lets one look at its memory. */
async function crowdLines(hosts: readonly HostKind[], { isQuick }: Pace): Promise<Line[]> {
  if (!hosts.includes('node')) return [];
  const table = new Table(`Node ${process.versions.node}`);
  for (const connections of [...CONNECTIONS, FAIR]) {
    const host = await NodeHost.open();
    try {
      const wish: CrowdWish = { connections, megabytes: isQuick ? 20 : 200 };
      const { fairness, memory } = await host.call<CrowdReport>('crowd', wish);
      if (connections === FAIR) table.add(`Jain’s index of ${FAIR} connections`, 'of 1', US, fairness, true);
      else table.add(`memory, both engines, ${connections} sending`, 'MB', US, memory / 1e6, true);
    } finally {
      await host.close();
    }
  }
  return table.lines;
}
