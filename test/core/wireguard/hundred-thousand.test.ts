// The worst second: 100,000 hostile datagrams of every kind that a stranger can send who knows our public key, an index of
// a live session and old messages of its peer. With the shipped crypto.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { WasmSuite } from '../../../src/core/crypto/wasm-suite.ts';
import type { Endpoint } from '../../../src/core/endpoint.ts';
import { SECOND } from '../../../src/core/time.ts';
import { loadAssembly } from '../../../src/node/assembly.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { SeededRandom } from '../../support/random.ts';
import { Opponent, type Session } from './opponent.ts';
import { kindOf, makePacket, Station } from './station.ts';

const DATAGRAMS = 100_000;
/** After so many, a packet passes in each direction: a thousand of them in the second. */
const PER_PACKET = 100;
/** What comes before it is noticed that this is a flood: a hundred messages with a right mac1. */
const MOST_DHS = 100;
/** May stay on the heap after it all, beyond what was there after a tenth: nothing does, but measuring does a little. */
const GROWTH = 512 * 1024;
/** For the device alone; measured: 0.46 s on the quiet reference machine, 3.7 s with ten other programs on its two cores. */
const LONGEST = 20 * SECOND;

const outgoing = makePacket('10.0.0.2', '10.0.0.1', 1420);
const incoming = makePacket('10.0.0.1', '10.0.0.2', 600);

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

interface Scene {
  clock: FakeClock;
  station: Station;
  opponent: Opponent;
  session: Session;
  oldInitiation: Uint8Array;
}

async function makeScene(): Promise<Scene> {
  const clock = new FakeClock();
  const station = new Station(clock, { crypto: new WasmSuite(await loadAssembly()) });
  const opponent = new Opponent(station.publicKey);
  station.device.up(clock.now);
  station.addPeer(opponent.publicKey);
  const { message, sent } = opponent.initiate();
  station.receive(message, opponent.endpoint);
  const session = opponent.complete(sent, station.takeSent()[0]!.bytes);
  station.receive(opponent.seal(session), opponent.endpoint);
  clock.advance(2 * SECOND);
  return { clock, station, opponent, session, oldInitiation: message };
}

type Kind =
  | 'random bytes'
  | 'a wrong type'
  | 'a valid shape'
  | 'an initiation with a right mac1'
  | 'a response with a right mac1'
  | 'an old initiation'
  | 'a cookie reply'
  | 'data for the live session';

/** Datagrams of each kind, made beforehand so that only the device is timed. */
function makeHostile({ opponent, session, oldInitiation }: Scene): Record<Kind, Uint8Array[]> {
  const random = new SeededRandom(32);
  const make = (count: number, one: (n: number) => Uint8Array) =>
    Array.from({ length: count }, (_, n) => one(n));
  const shaped = (type: number, length: number) => {
    const bytes = random.bytes(length);
    bytes.set([type, 0, 0, 0]);
    return bytes;
  };
  const addressed = (bytes: Uint8Array, at: number) => {
    new DataView(bytes.buffer).setUint32(at, session.remoteIndex, true);
    return bytes;
  };
  const sizes = [148, 92, 64, 32, 1452];
  return {
    'random bytes': make(2000, () => random.bytes(random.below(1500))),
    'a wrong type': make(500, (n) => {
      const bytes = shaped(1 + (n % 4), sizes[n % 5]!);
      bytes[n % 3 === 0 ? 0 : 1 + (n % 3)] = 5 + random.below(250);
      return bytes;
    }),
    'a valid shape': make(500, (n) => shaped(1 + (n % 4), [148, 92, 64, 32 + random.below(1400)][n % 4]!)),
    'an initiation with a right mac1': make(1000, () => opponent.stamp(shaped(1, 148))),
    'a response with a right mac1': make(200, () => opponent.stamp(addressed(shaped(2, 92), 8))),
    'an old initiation': [oldInitiation],
    'a cookie reply': make(200, () => addressed(shaped(3, 64), 4)),
    'data for the live session': make(500, () => addressed(shaped(4, 32 + random.below(1400)), 4)),
  };
}

describe('100,000 hostile datagrams in a second', () => {
  it('row 32: hold up no packet of a live session, cost next to no DH, and leave nothing behind', async () => {
    const scene = await makeScene();
    const { clock, station, opponent, session } = scene;
    const hostile = Object.values(makeHostile(scene));
    const random = new SeededRandom(1);
    const strangers = Array.from({ length: 5000 }, (_, n): Endpoint => {
      return n % 2 === 0
        ? { host: `203.${n >> 8}.${n & 255}.9`, port: 1024 + n }
        : { host: `2001:db8:${n.toString(16)}::9`, port: 1024 + n };
    });
    const before = { dhs: station.crypto.dhCount, keys: station.crypto.keyCount, status: station.status() };
    const began = clock.now;
    const sent = { data: 0, cookies: 0, other: 0, bytes: 0 };
    let [arrived, received, elapsed, heap] = [0, 0, 0, 0];

    for (let n = 0; n < DATAGRAMS; n++) {
      const kind = hostile[random.below(hostile.length)]!;
      const datagram = kind[random.below(kind.length)]!;
      const from = strangers[random.below(strangers.length)]!;
      received += datagram.length;
      const started = performance.now();
      station.receive(datagram, from);
      elapsed += performance.now() - started;
      if (n % PER_PACKET === 0) {
        station.run((PER_PACKET * SECOND) / DATAGRAMS);
        station.receive(opponent.seal(session, incoming), opponent.endpoint);
        expect(station.send(outgoing)).toBe('sent');
        arrived += station.delivered.splice(0).length;
        for (const datagram of station.takeSent()) {
          if (kindOf(datagram) === 'cookie reply') sent.cookies++;
          else if (kindOf(datagram) !== 'data') sent.other++;
          if (kindOf(datagram) !== 'data') sent.bytes += datagram.bytes.length;
          else if (opponent.open(session, datagram.bytes).length === outgoing.length) sent.data++;
        }
      }
      if (n === DATAGRAMS / 10) heap = heapAfterCollection();
    }
    const growth = heapAfterCollection() - heap;

    // The live session: all of its packets, in both directions.
    expect(clock.now - began).toBeCloseTo(SECOND, 3);
    expect({ arrived, sent: sent.data }).toEqual({
      arrived: DATAGRAMS / PER_PACKET,
      sent: DATAGRAMS / PER_PACKET,
    });
    // What is dear.
    station.run(SECOND);
    expect(station.crypto.dhCount - before.dhs).toBeLessThanOrEqual(MOST_DHS);
    expect(station.crypto.keyCount).toBe(before.keys);
    // Every one of them was counted, once, and nobody was answered with more than came.
    const { drops, peers } = station.status();
    expect(Object.values(drops).reduce((sum, count) => sum + count)).toBe(DATAGRAMS);
    expect(drops.cookie_sent).toBeGreaterThanOrEqual(sent.cookies);
    expect(sent.cookies).toBeGreaterThan(20_000);
    expect(sent.other).toBe(0);
    expect(sent.bytes).toBeLessThan(received);
    expect(peers[0]!.endpoint).toBe(before.status.peers[0]!.endpoint);
    expect(growth, 'bytes on the heap').toBeLessThan(GROWTH);
    expect(elapsed, 'milliseconds').toBeLessThan(LONGEST);
  });
});

function heapAfterCollection(): number {
  collect();
  return process.memoryUsage().heapUsed;
}
