import type { AllocationWish, Collections } from '../contests/allocation.ts';
import type { HostKind } from '../hosts/host.ts';
import { NodeHost } from '../hosts/node-host.ts';
import { raceEverywhere } from '../races.ts';
import { type Line, US } from '../report.ts';
import type { Pace, Suite } from '../suite.ts';

const MILLION = 1_000_000;
const WARM = 200_000;

export const tunnel: Suite = {
  name: 'tunnel',
  title: 'two engines back to back in one process, with the real crypto',
  tolerance: 0.2,
  targets: [
    { host: 'node', line: 'inner TCP, both engines', value: 140 },
    { host: 'node', line: 'scavenges in a million datagrams', value: 0 },
    { host: 'node', line: 'heap growth over a million datagrams', value: 64 },
  ],
  run: async (hosts, pace) => {
    const { lines, notes } = await raceEverywhere('tunnel', hosts, pace);
    return { lines: [...lines, ...(await memoryLines(hosts, pace))], notes };
  },
};

/** Only Node lets one look. */
async function memoryLines(hosts: readonly HostKind[], { isQuick }: Pace): Promise<Line[]> {
  if (!hosts.includes('node')) return [];
  const wish: AllocationWish = isQuick
    ? { warm: WARM / 10, packets: MILLION / 20 }
    : { warm: WARM, packets: MILLION };
  const host = await NodeHost.open();
  try {
    const { each, scavenges, growth, longest, rate } = await host.call<Collections>('allocation', wish);
    const line = (name: string, unit: string, value: number): Line => {
      return { name, host: host.name, unit, isLessBetter: true, isFixed: true, values: { [US]: [value] } };
    };
    return [
      { name: 'datagrams, both engines', host: host.name, unit: '1/s', values: { [US]: [rate] } },
      line('allocated for each datagram', 'B', each),
      line('scavenges in a million datagrams', 'times', scavenges),
      line('heap growth over a million datagrams', 'KiB', growth / 1024),
      line('longest collection', 'ms', longest),
    ];
  } finally {
    await host.close();
  }
}
