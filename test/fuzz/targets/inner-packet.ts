// What is inside an authentic datagram, anything at all, of both families and with routes that overlap: whether it is
// delivered, and how much of it, follows from its header and its source address alone (WG §2, §5.4.6).
import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { IpAddress, IpPrefix } from '../../../src/core/address.ts';
import { SECOND } from '../../../src/core/time.ts';
import { Opponent, type Session } from '../../core/wireguard/opponent.ts';
import { makePacket, Station } from '../../core/wireguard/station.ts';
import { LinearRoutes } from '../../reference/linear-routes.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { SeededRandom } from '../../support/random.ts';

export const name = 'inner-packet';

/** The second takes away from the first, and gives something back. */
const ROUTES = ['10.0.0.0/8 fd00::/8 10.1.2.0/24', '10.1.0.0/16 fd00:1::/32'];
const SOURCES = [
  '10.0.0.1',
  '10.1.0.1',
  '10.1.2.3',
  '11.0.0.1',
  'fd00::1',
  'fd00:1::1',
  'fe80::1',
  '::ffff:10.0.0.1',
];

interface World {
  random: SeededRandom;
  station: Station;
  opponents: { opponent: Opponent; session: Session; owner: number }[];
  routes: LinearRoutes<number>;
}

export function run(seed: number): void {
  const world = makeWorld(seed);
  for (let n = 0; n < 300; n++) receive(world);
  for (let n = 0; n < 100; n++) send(world);
}

function makeWorld(seed: number): World {
  const random = new SeededRandom(seed);
  const clock = new FakeClock();
  const station = new Station(clock, { seed });
  const routes = new LinearRoutes<number>();
  station.device.up(clock.now);
  const opponents = ROUTES.map((texts, owner) => {
    const opponent = new Opponent(station.publicKey, 50 + owner);
    station.addPeer(opponent.publicKey, { endpoint: opponent.endpoint, routes: texts });
    for (const text of texts.split(' ')) routes.insert(IpPrefix.parse(text)!, owner);
    const { message, session } = opponent.answer(station.takeSent()[0]!.bytes);
    station.receive(message, opponent.endpoint);
    station.takeSent();
    return { opponent, session, owner };
  });
  clock.advance(SECOND);
  return { random, station, opponents, routes };
}

function receive({ random, station, opponents, routes }: World): void {
  const { opponent, session, owner } = opponents[random.below(opponents.length)]!;
  const inner = makeInner(random);
  const before = countAll(station);
  const delivered = station.delivered.length;
  station.receive(opponent.seal(session, inner), opponent.endpoint);
  const wanted = expected(inner, owner, routes);
  const drops = countAll(station);
  if (inner.length === 0) {
    deepStrictEqual(drops, before, 'a keepalive');
    strictEqual(station.delivered.length, delivered);
  } else if (typeof wanted === 'string') {
    strictEqual(station.delivered.length, delivered, wanted);
    strictEqual(drops[wanted], (before[wanted] ?? 0) + 1, wanted);
  } else {
    strictEqual(station.delivered.length, delivered + 1);
    deepStrictEqual(station.delivered.at(-1), wanted);
    deepStrictEqual(drops, before);
  }
  deepStrictEqual(station.takeSent(), []);
}

/** What is sent goes where the routes say, whole and padded; what is no packet goes nowhere. */
function send({ random, station, opponents, routes }: World): void {
  const packet = makeInner(random).slice(0, 1420);
  const header = readHeader(packet, 'destination');
  const verdict = station.send(packet);
  const sent = station.takeSent();
  if (!header) {
    strictEqual(verdict, 'bad_inner');
    deepStrictEqual(sent, []);
    return;
  }
  const owner = routes.lookup(header.address);
  strictEqual(verdict, owner === undefined ? 'no_peer' : 'sent');
  strictEqual(sent.length, owner === undefined ? 0 : 1);
  if (owner === undefined) return;
  const { opponent, session } = opponents[owner]!;
  deepStrictEqual(sent[0]!.to, opponent.endpoint);
  const opened = opponent.open(session, sent[0]!.bytes);
  const padded = new Uint8Array(Math.min(1420, Math.ceil(packet.length / 16) * 16));
  padded.set(packet);
  deepStrictEqual(opened, padded);
}

function makeInner(random: SeededRandom): Uint8Array {
  if (random.below(6) === 0) return random.bytes(random.below(random.below(5) === 0 ? 3000 : 70));
  const [source, destination] = [SOURCES[random.below(8)]!, SOURCES[random.below(8)]!];
  const isSameFamily = source.includes(':') === destination.includes(':');
  const packet = makePacket(source, isSameFamily ? destination : source, 40 + random.below(200));
  for (let n = random.below(3); n > 0; n--) packet[random.below(40)] = random.below(256);
  if (random.below(3) === 0)
    new DataView(packet.buffer).setUint16(random.below(2) === 0 ? 2 : 4, edge(random));
  // One more or less than there is.
  if (random.below(3) === 0) {
    const length = packet.length + random.below(3) - 1;
    const isIpv4 = packet[0]! >> 4 === 4;
    new DataView(packet.buffer).setUint16(isIpv4 ? 2 : 4, isIpv4 ? length : length - 40);
  }
  if (random.below(4) === 0) return packet.slice(0, random.below(packet.length));
  if (random.below(4) === 0) return Uint8Array.from([...packet, ...random.bytes(random.below(40))]);
  return packet;
}

function edge(random: SeededRandom): number {
  return [0, 1, 19, 20, 21, 39, 40, 41, 255, 256, 65_535, random.below(300)][random.below(12)]!;
}

/** The packet as it should arrive, or the reason why it does not. */
function expected(inner: Uint8Array, owner: number, routes: LinearRoutes<number>): Uint8Array | string {
  const header = readHeader(inner, 'source');
  if (!header || header.length < 20 || header.length > inner.length) return 'bad_inner';
  if (routes.lookup(header.address) !== owner) return 'disallowed_source';
  return inner.slice(0, header.length);
}

function readHeader(
  bytes: Uint8Array,
  which: 'source' | 'destination',
): { length: number; address: IpAddress } | undefined {
  const packet = Buffer.from(bytes);
  if (packet.length < 20) return undefined;
  const at = which === 'source' ? 0 : 1;
  const address = (start: number, size: number) =>
    new IpAddress(bytes.slice(start + at * size, start + (at + 1) * size));
  const version = packet.readUInt8(0) >> 4;
  if (version === 4) return { length: packet.readUInt16BE(2), address: address(12, 4) };
  if (version !== 6 || packet.length < 40) return undefined;
  return { length: packet.readUInt16BE(4) + 40, address: address(8, 16) };
}

function countAll(station: Station): Record<string, number> {
  const drops = station.drops();
  ok(Object.values(drops).every((count) => count > 0));
  return drops;
}
