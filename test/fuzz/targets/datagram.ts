// Datagrams at a device with a live session: random ones, and messages that are valid but for one byte, one length, or
// one inner field, with right MACs, so that they get deep. Each changes a counter and nothing else: what the device
// does is compared with what a model of the checks (WG §5.4, §6.5) expects, and the session lives on.
import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { SECOND } from '../../../src/core/time.ts';
import { Opponent, type Session } from '../../core/wireguard/opponent.ts';
import { kindOf, makePacket, Station } from '../../core/wireguard/station.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { SeededRandom } from '../../support/random.ts';

export const name = 'datagram';

const incoming = makePacket('10.0.0.1', '10.0.0.2');
const outgoing = makePacket('10.0.0.2', '10.0.0.1');
const elsewhere = { host: '203.0.113.9', port: 9 };

export function run(seed: number): void {
  const random = new SeededRandom(seed);
  const clock = new FakeClock();
  const station = new Station(clock, { seed });
  const opponent = new Opponent(station.publicKey, 99);
  station.device.up(clock.now);
  station.addPeer(opponent.publicKey, { endpoint: opponent.endpoint });
  const initiation = station.takeSent()[0]!.bytes;
  const { message, session } = opponent.answer(initiation);
  station.receive(message, opponent.endpoint);
  station.takeSent();
  clock.advance(SECOND);

  for (let n = 0; n < 20; n++) attack(random, { station, opponent, session, initiation });
  expectAlive(station, opponent, session);
}

interface World {
  station: Station;
  opponent: Opponent;
  session: Session;
  /** The last that the device sent. */
  initiation: Uint8Array;
}

function attack(random: SeededRandom, world: World): void {
  const { station, opponent, session } = world;
  const before = countAll(station);
  const delivered = station.delivered.length;
  const endpoint = station.status().peers[0]!.endpoint;
  const kind = random.below(6);
  if (kind === 5) {
    attackInside(random, station, opponent, session);
    return;
  }
  const datagram =
    kind === 0
      ? random.bytes(random.below(300))
      : damaged(random, validMessage(kind, random, world), opponent);
  // Random bytes do not open. A damaged message may be whole by chance only if nothing was changed in it.
  station.receive(datagram, elsewhere);
  strictEqual(countAll(station), before + 1, `${datagram.length} bytes of type ${datagram[0]}: one drop`);
  strictEqual(station.delivered.length, delivered);
  strictEqual(station.status().peers[0]!.endpoint, endpoint);
  deepStrictEqual(station.takeSent(), []);
}

function validMessage(
  kind: number,
  random: SeededRandom,
  { opponent, session, initiation }: World,
): Uint8Array {
  if (kind === 1) return opponent.initiate().message;
  if (kind === 2) {
    const response = random.bytes(92);
    response.set([2, 0, 0, 0]);
    new DataView(response.buffer).setUint32(
      8,
      random.below(2) === 0 ? session.remoteIndex : random.next(),
      true,
    );
    return opponent.stamp(response);
  }
  if (kind === 3) return opponent.refuseWithCookie(initiation).reply;
  return opponent.seal(session, random.below(2) === 0 ? incoming : random.bytes(random.below(100)));
}

/** One byte or the length differs. Handshake messages may get a right mac1 again, so that more is looked at. */
function damaged(random: SeededRandom, message: Uint8Array, opponent: Opponent): Uint8Array {
  const isHandshake = message[0]! < 3;
  if (random.below(4) === 0) {
    const length = random.below(message.length + 40);
    const other = new Uint8Array(length === message.length ? length - 1 : length);
    other.set(message.subarray(0, other.length));
    return other;
  }
  // mac2 is looked at under load only, and a sender's index is the sender's business: not in these.
  const end = isHandshake ? message.length - 32 : message.length;
  const at = random.below(end);
  message[at]! ^= 1 + random.below(255);
  if (!isHandshake || random.below(3) === 0) return message;
  // An initiation is whole again if only its sender's index differs.
  if (message[0] === 1 && at >= 4 && at < 8) return message;
  return opponent.stamp(message);
}

/** Authentic, with anything inside: the version, lengths and source decide, as a plain reading of the headers says. */
function attackInside(random: SeededRandom, station: Station, opponent: Opponent, session: Session): void {
  const inner =
    random.below(2) === 0
      ? random.bytes(random.below(120))
      : makePacket('10.0.0.1', '10.0.0.2', 20 + random.below(80));
  if (inner.length > 0 && random.below(2) === 0)
    inner[random.below(Math.min(inner.length, 20))] = random.below(256);
  if (inner.length > 6 && random.below(4) === 0) {
    inner[0] = 0x60 | (inner[0]! & 15);
    inner[4] = random.below(3) === 0 ? 0xff : 0;
  }
  const before = countAll(station);
  const deliveredBefore = station.delivered.length;
  station.receive(opponent.seal(session, inner), opponent.endpoint);
  const wanted = expectedDelivery(inner);
  strictEqual(station.delivered.length - deliveredBefore, wanted ? 1 : 0);
  if (wanted) deepStrictEqual(station.delivered.at(-1), wanted);
  strictEqual(countAll(station) - before, wanted || inner.length === 0 ? 0 : 1);
  station.takeSent();
}

function expectedDelivery(inner: Uint8Array): Uint8Array | undefined {
  const hex = Buffer.from(inner).toString('hex');
  if (hex[0] !== '4' || inner.length < 20) return undefined;
  const length = Number.parseInt(hex.slice(4, 8), 16);
  if (length < 20 || length > inner.length || inner[12] !== 10) return undefined;
  return inner.slice(0, length);
}

function countAll(station: Station): number {
  return Object.values(station.drops()).reduce((sum, count) => sum + count, 0);
}

function expectAlive(station: Station, opponent: Opponent, session: Session): void {
  const before = station.delivered.length;
  station.receive(opponent.seal(session, incoming), opponent.endpoint);
  strictEqual(station.delivered.length, before + 1);
  strictEqual(station.send(outgoing), 'sent');
  const datagram = station.takeSent().find((sent) => kindOf(sent) === 'data');
  ok(datagram);
  deepStrictEqual(opponent.open(session, datagram.bytes).slice(0, outgoing.length), outgoing);
}
