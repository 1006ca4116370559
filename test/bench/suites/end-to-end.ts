import { setTimeout as delay } from 'node:timers/promises';
import { measureLeg } from '../../netsim/leg/leg-network.ts';
import type { LinkProfile } from '../../netsim/link-profile.ts';
import { INNER } from '../../support/real-peer.ts';
import type { EchoWish } from '../contests/load-client.ts';
import { BrowserHost } from '../hosts/browser-host.ts';
import type { BrowserKind } from '../hosts/browsers.ts';
import type { Host } from '../hosts/host.ts';
import { NodeHost } from '../hosts/node-host.ts';
import type { IperfWish } from '../hosts/page/iperf.ts';
import { BenchRelay } from '../hosts/relay-host.ts';
import { UdpPeer } from '../native.ts';
import { absence } from '../races.ts';
import { type Line, US } from '../report.ts';
import { withRoomInSockets } from '../socket-room.ts';
import { medianOf } from '../spread.ts';
import type { Pace, Suite } from '../suite.ts';
import { Table } from '../table.ts';
import { patiently, WireguardPair } from './wireguard-pair.ts';

const NATIVE = 'wireguard-go pair';
const HOST = INNER.peer4;
/** A newer one than Debian's, given by its path. */
const NEWER = process.env.WIREGUARD_GO;

const DIRECTIONS = [
  ['download', true],
  ['upload', false],
] as const;
const [PINGS, PING_INTERVAL] = [60, 20];

/** A line of the real world: 100 Mbit/s with a queue of one bandwidth-delay product. */
const RATE = 100e6;
const ROUND_TRIPS = [20, 100];
const FAR_ROUNDS = 3;
const FAR_KINDS = [
  ['ours', US],
  ['native', NATIVE],
] as const;

export const endToEnd: Suite = {
  name: 'end-to-end',
  title:
    'a page through worker, relay and wireguard-go to iperf3 and nginx; beside it wireguard-go and the kernel’s TCP',
  tolerance: 0.35,
  targets: [
    { host: 'chromium', line: 'download', peer: NATIVE, factor: 0.6 },
    { host: 'chromium', line: 'upload', peer: NATIVE, factor: 0.5 },
    { host: 'chromium', line: 'ping p50, idle, beyond the relay’s', value: 0.5 },
    { host: 'chromium', line: 'ping p99, downloading', value: 20 },
    { host: 'chromium', line: 'ping p99, uploading', value: 20 },
    ...ROUND_TRIPS.flatMap((ms) =>
      (['down', 'up'] as const).map((way) => {
        return { host: 'node', line: `${way}, ${ms} ms, 100 Mbit/s`, peer: NATIVE, factor: 0.9 };
      }),
    ),
  ],
  run: async (kinds, pace) => {
    const browsers = kinds.filter((kind) => kind !== 'node');
    const notes = browsers.flatMap((kind) => absence(kind) ?? []);
    const lines: Line[] = [];
    for (const kind of browsers) if (!absence(kind)) lines.push(...(await measurePage(kind, pace)));
    if (kinds.includes('node')) lines.push(...(await withRoomInSockets(() => measureFarAway(pace))));
    return { lines, notes };
  },
};

async function measurePage(kind: BrowserKind, pace: Pace): Promise<Line[]> {
  const pairs: Record<string, WireguardPair> = { [NATIVE]: await WireguardPair.up() };
  if (NEWER !== undefined) pairs['newer pair'] = await WireguardPair.up(NEWER);
  const { server, config } = pairs[NATIVE]!;
  const host = await BrowserHost.open(kind, 'page');
  const relay = await BenchRelay.start(server.endpoint, host.origin);
  const table = new Table(host.name);
  try {
    const wish = { config, relay: relay.url };
    for (let round = 0; round < pace.rounds; round++) {
      table.add(
        'click to first byte',
        'ms',
        US,
        await host.call('tunnel.firstByte', { ...wish, host: HOST }),
      );
      await host.call('tunnel.open', wish);
      await measureRound(kind, host, pairs, table, pace);
      await host.call('tunnel.close');
    }
    return table.lines;
  } finally {
    await host.close();
    await relay.stop();
    for (const pair of Object.values(pairs)) await pair.down();
  }
}

/** Everyone once. */
async function measureRound(
  kind: BrowserKind,
  host: Host,
  pairs: Record<string, WireguardPair>,
  table: Table,
  { isQuick }: Pace,
): Promise<void> {
  const [omit, seconds] = isQuick ? [1, 1] : [1, 4];
  for (const [name, isReverse] of DIRECTIONS) {
    const wish: IperfWish = { host: HOST, isReverse, omit, seconds };
    table.add(name, 'MB/s', US, await patiently(() => host.call<number>('tunnel.iperf', wish)));
    for (const [pair, { iperf }] of methodsOf(pairs))
      table.add(name, 'MB/s', pair, await iperf(isReverse, omit, seconds));
  }
  const ours = await pingPage(host);
  table.add('ping p50, idle', 'ms', US, medianOf(ours));
  const bare = await pingRelay(await NodeHost.open());
  table.add('ping p50, idle, beyond the relay’s', 'ms', US, medianOf(ours) - bare);
  table.add('ping p50, idle', 'ms', 'relay alone, from Node', bare);
  table.add('ping p50, idle', 'ms', 'relay alone, from a tab', await pingRelay(await BrowserHost.open(kind)));
  for (const [pair, { ping }] of methodsOf(pairs))
    table.add('ping p50, idle', 'ms', pair, medianOf(await ping(PINGS, PING_INTERVAL)));
  for (const [name, isReverse] of DIRECTIONS) {
    const line = `ping p99, ${name}ing`;
    const wish: IperfWish = { host: HOST, isReverse, omit: 0, seconds: 3 };
    const bulk = patiently(() => host.call<number>('tunnel.iperf', wish));
    await delay(800);
    table.add(line, 'ms', US, last(await pingPage(host)));
    await bulk;
    for (const [pair, { iperf, ping }] of methodsOf(pairs)) {
      const native = iperf(isReverse, 0, 3);
      await delay(800);
      table.add(line, 'ms', pair, last(await ping(PINGS, PING_INTERVAL)));
      await native;
    }
  }
}

function methodsOf(pairs: Record<string, WireguardPair>) {
  return Object.entries(pairs).map(([name, pair]) => {
    const { iperf, ping } = WireguardPair.prototype;
    return [name, { iperf: iperf.bind(pair), ping: ping.bind(pair) }] as const;
  });
}

function pingPage(host: Host): Promise<number[]> {
  return host.call<number[]>('tunnel.ping', { host: HOST, count: PINGS, interval: PING_INTERVAL });
}

/** Of 60, all but the slowest. */
function last(times: readonly number[]): number {
  return [...times].sort((a, b) => a - b).at(-2) ?? Number.NaN;
}

/** The same way without tunnel and WireGuard: a datagram through the relay to a peer in C, and back. In ms. */
async function pingRelay(host: NodeHost | BrowserHost): Promise<number> {
  const peer = await UdpPeer.start();
  const origin = host instanceof BrowserHost ? host.origin : 'http://127.0.0.1';
  const relay = await BenchRelay.start(`127.0.0.1:${peer.port}`, origin);
  const wish: EchoWish = { count: PINGS, interval: PING_INTERVAL };
  try {
    await host.call('load.open', { relay: relay.url, port: peer.port, isUnbatched: false });
    await host.call('load.echo', wish);
    return medianOf(await host.call<number[]>('load.echo', wish));
  } finally {
    await host.close();
    await relay.stop();
    await peer.stop();
  }
}

/** Node's engine and the native pair, each through the same slower line, in turns. */
async function measureFarAway({ isQuick }: Pace): Promise<Line[]> {
  const table = new Table(`Node ${process.versions.node}`);
  const milliseconds = isQuick ? 1000 : 5000;
  for (let seed = 1; seed <= (isQuick ? 1 : FAR_ROUNDS); seed++)
    for (const ms of isQuick ? ROUND_TRIPS.slice(0, 1) : ROUND_TRIPS)
      for (const [kind, name] of FAR_KINDS) {
        const link: LinkProfile = { rate: RATE, delay: ms / 2, queue: (RATE / 8) * (ms / 1000) };
        for (const { bulk, goodput } of await measureLeg({ kind, up: link, down: link, seed, milliseconds }))
          if (bulk !== 'none') table.add(`${bulk}, ${ms} ms, 100 Mbit/s`, 'MB/s', name, goodput / 1e6, true);
      }
  return table.lines;
}
