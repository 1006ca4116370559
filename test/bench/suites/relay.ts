import { setTimeout as delay } from 'node:timers/promises';
import type { EchoWish, LoadWish } from '../contests/load-client.ts';
import { cpuOf } from '../cpu.ts';
import { BrowserHost } from '../hosts/browser-host.ts';
import type { Host, HostKind } from '../hosts/host.ts';
import { NodeHost } from '../hosts/node-host.ts';
import { BenchRelay } from '../hosts/relay-host.ts';
import { UdpPeer } from '../native.ts';
import { absence } from '../races.ts';
import { type Line, US } from '../report.ts';
import type { Pace, Suite } from '../suite.ts';
import { Table } from '../table.ts';
import type { Target } from '../target.ts';

const UNBATCHED = 'one a message';
const BARE = 'bare dgram';

export type Direction = 'up' | 'down';
export const DIRECTIONS: readonly Direction[] = ['up', 'down'];

/** A relay runs for days: what counts is its code when V8 has compiled it. */
const [WARM_UP, MEASURED] = [3000, 1500];
const ECHOES: EchoWish = { count: 20, interval: 0 };

function targetsOf(direction: Direction, bare: number): Target[] {
  const line = `${direction}, 1452 B`;
  return [
    { host: 'chromium', line, peer: UNBATCHED, factor: 4 },
    { host: 'chromium', line, value: 60_000 },
    { host: 'chromium', line: `${direction}, relay's CPU`, peer: BARE, factor: 1 / bare },
  ];
}

export const relay: Suite = {
  name: 'relay',
  title: 'datagrams through the real relay, its gate and limits on, to a peer in C',
  tolerance: 0.25,
  targets: [...targetsOf('up', 2.5), ...targetsOf('down', 2)],
  run: async (kinds, pace) => {
    const notes = kinds.flatMap((kind) => absence(kind) ?? []);
    const lines: Line[] = [];
    for (const kind of kinds) if (!absence(kind)) lines.push(...(await measureHost(kind, pace)));
    return { lines, notes };
  },
};

/** One kind of client, in all the ways, in turns. */
async function measureHost(kind: HostKind, pace: Pace): Promise<Line[]> {
  const host = kind === 'node' ? await NodeHost.open() : await BrowserHost.open(kind);
  const table = new Table(host.name);
  try {
    for (let round = 0; round < pace.rounds; round++)
      for (const direction of DIRECTIONS) {
        for (const name of [US, UNBATCHED])
          note(table, direction, name, await measureRelay(host, direction, name === UNBATCHED, pace));
        note(table, direction, BARE, await measureBare(direction, pace));
      }
  } finally {
    await host.close();
  }
  return table.lines;
}

/** Datagrams per second, and µs of processor time for each. */
export interface Measured {
  rate: number;
  relay?: number;
  client?: number;
  bare?: number;
}

export async function measureRelay(
  host: Host,
  direction: Direction,
  isUnbatched: boolean,
  { isQuick }: Pace,
  maxMessage?: number,
): Promise<Measured> {
  const peer = await UdpPeer.start();
  const origin = host instanceof BrowserHost ? host.origin : 'http://127.0.0.1';
  const relayed = await BenchRelay.start(`127.0.0.1:${peer.port}`, origin, isUnbatched, maxMessage);
  try {
    const wish: LoadWish = { relay: relayed.url, port: peer.port, isUnbatched };
    await host.call('load.open', wish);
    await host.call('load.echo', ECHOES);
    await host.call('load.start', direction);
    await delay(isQuick ? 200 : WARM_UP);
    const look = async () => {
      const arrived = direction === 'up' ? peer.counts() : host.call<{ received: number }>('load.counts');
      const { received } = await arrived;
      return { at: performance.now(), received, relay: cpuOf(relayed.pid), client: cpuOf(host.pid) };
    };
    const before = await look();
    await delay(isQuick ? 500 : MEASURED);
    const after = await look();
    await host.call('load.close');
    const count = after.received - before.received;
    return {
      rate: (count * 1000) / (after.at - before.at),
      relay: (after.relay - before.relay) / count,
      client: (after.client - before.client) / count,
    };
  } finally {
    await relayed.stop();
    await peer.stop();
  }
}

/** A process of Node that does nothing else. */
async function measureBare(mode: Direction, { isQuick }: Pace): Promise<Measured> {
  const peer = await UdpPeer.start();
  const host = await NodeHost.open();
  try {
    await host.call('bare.start', { port: peer.port, mode });
    await delay(isQuick ? 200 : WARM_UP);
    const look = async () => {
      const count = await host.call<number>('bare.count');
      return { at: performance.now(), count, cpu: cpuOf(host.pid) };
    };
    const before = await look();
    await delay(isQuick ? 500 : MEASURED);
    const after = await look();
    await host.call('bare.close');
    const count = after.count - before.count;
    return { rate: (count * 1000) / (after.at - before.at), bare: (after.cpu - before.cpu) / count };
  } finally {
    await host.close();
    await peer.stop();
  }
}

function note(
  table: Table,
  direction: Direction,
  name: string,
  { rate, relay, client, bare }: Measured,
): void {
  table.add(`${direction}, 1452 B`, '1/s', name, rate);
  if (relay !== undefined) table.add(`${direction}, relay's CPU`, 'µs each', name, relay);
  if (bare !== undefined) table.add(`${direction}, relay's CPU`, 'µs each', name, bare);
  if (client !== undefined) table.add(`${direction}, client's CPU`, 'µs each', name, client);
}
