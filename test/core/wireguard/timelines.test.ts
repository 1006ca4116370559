// How a conversation goes, in milliseconds after its first packet. The way takes 20 ms, a round trip 40.
import { describe, expect, it } from 'vitest';
import { MINUTE, SECOND } from '../../../src/core/time.ts';
import { Pair, type PairOptions } from './pair.ts';

const ROUND_TRIP = 40;

function setUp(options: PairOptions = {}) {
  const pair = new Pair({ isQuiet: true, jitters: [0, 0], ...options });
  const start = pair.clock.now;
  const { a, b, link, clock } = pair;
  return {
    pair,
    a,
    b,
    start,
    /** What each of them sent since the last time. */
    sent: () => ({ a: pair.takeSent(a, start), b: pair.takeSent(b, start) }),
    runUntil: (at: number) => clock.runUntil(start + at, link, a.station, b.station),
  };
}

describe('a conversation', () => {
  it('timeline: normal, three minutes of it', () => {
    const { pair, a, b, sent, runUntil } = setUp();
    // 0: a packet is staged and makes an initiation.
    pair.send(a, b);
    expect(sent()).toEqual({ a: [['initiation', 0]], b: [] });
    runUntil(20);
    expect(sent()).toEqual({ a: [], b: [['response', 20]] });
    expect(b.station.status().peers[0]).toMatchObject({ hasSession: false, latestHandshake: undefined });
    // One round trip: keys, and the staged packet is the confirmation, with counter 0.
    runUntil(ROUND_TRIP);
    const [first] = a.station.sent;
    expect(sent()).toEqual({ a: [['data', 40]], b: [] });
    expect(new DataView(first!.bytes.buffer).getBigUint64(8, true)).toBe(0n);
    expect(a.station.status().peers[0]!.latestHandshake).toBe(pair.clock.wall);
    // On it b moves on, and arms a keepalive 10 s later.
    runUntil(60);
    expect(b.station.status().peers[0]).toMatchObject({ hasSession: true, latestHandshake: pair.clock.wall });
    runUntil(10_059);
    expect(sent()).toEqual({ a: [], b: [] });
    runUntil(10_060);
    expect(sent()).toEqual({ a: [], b: [['keepalive', 10_060]] });

    // 120 s after the keys were made: the next packet goes on the old key and starts a rekey.
    runUntil(120 * SECOND + ROUND_TRIP);
    pair.send(a, b);
    expect(sent()).toEqual({ a: [['data', 120_040]], b: [] });
    runUntil(120 * SECOND + ROUND_TRIP + 1);
    pair.send(a, b);
    expect(sent()).toEqual({
      a: [
        ['data', 120_041],
        ['initiation', 120_041],
      ],
      b: [],
    });
    // One round trip: a new current; with nothing staged, a keepalive confirms it.
    runUntil(120 * SECOND + 2 * ROUND_TRIP + 1);
    expect(sent()).toEqual({ a: [['keepalive', 120_081]], b: [['response', 120_061]] });
    expect(a.station.crypto.keyCount).toBe(4);
    runUntil(121 * SECOND);
    expect(b.station.crypto.keyCount).toBe(4);
    expect([pair.handshakes(a), pair.handshakes(b)]).toEqual([2, 2]);
    expect([a.missing(b), b.missing(a)]).toEqual([0, 0]);
    expect([a.station.drops(), b.station.drops()]).toEqual([{}, {}]);
  });

  it('timeline: normal, the end: at 180 s both refuse the old key', () => {
    const { pair, a, b, sent, runUntil } = setUp();
    pair.send(a, b);
    runUntil(1000);
    sent();
    // Two packets on the first key that are held up on their way: until it is 180 s old for b, and longer.
    const held: Uint8Array[] = [];
    const { transmit } = a.station;
    a.station.transmit = (bytes) => held.push(bytes.slice());
    pair.send(a, b);
    pair.send(a, b);
    a.station.transmit = transmit;
    runUntil(170 * SECOND);
    pair.send(a, b);
    runUntil(171 * SECOND);
    expect(pair.handshakes(a)).toBe(2);
    // b made its keys at 20 ms.
    runUntil(180 * SECOND + 20);
    b.station.receive(held[0]!, a.endpoint);
    expect(b.station.delivered).toHaveLength(1);
    expect(b.station.drops()).toEqual({});
    runUntil(180 * SECOND + 21);
    b.station.receive(held[1]!, a.endpoint);
    expect(b.station.drops()).toEqual({ expired_session: 1 });
  });

  it('timeline: idle both ways, no packet at all; at 540 s the keys go, and the next packet pays one round trip', () => {
    const { pair, a, b, sent, runUntil } = setUp();
    pair.send(a, b);
    pair.send(a, b);
    runUntil(100);
    pair.send(b, a);
    runUntil(10_120);
    // Both answered by data, but for b's, which a's keepalive answers.
    expect(sent()).toEqual({
      a: [
        ['initiation', 0],
        ['data', 40],
        ['data', 40],
        ['keepalive', 10_120],
      ],
      b: [
        ['response', 20],
        ['data', 100],
      ],
    });
    runUntil(540 * SECOND);
    expect(sent()).toEqual({ a: [], b: [] });
    expect([a.station.crypto.keyCount, b.station.crypto.keyCount]).toEqual([2, 2]);
    // b counts from its response, a from having it, 20 ms later.
    runUntil(540 * SECOND + 20);
    expect(b.station.crypto.keyCount).toBe(0);
    runUntil(540 * SECOND + ROUND_TRIP);
    expect([a.station.crypto.keyCount, b.station.crypto.keyCount]).toEqual([0, 0]);
    runUntil(60 * MINUTE);
    expect(sent()).toEqual({ a: [], b: [] });
    pair.send(b, a);
    runUntil(60 * MINUTE + ROUND_TRIP + 20);
    expect(sent()).toEqual({
      a: [['response', 3_600_020]],
      b: [
        ['initiation', 3_600_000],
        ['data', 3_600_040],
      ],
    });
    expect(a.missing(b)).toBe(0);
  });

  it('timeline: a one-way download is answered 10 s after the first packet and again after each 10 s with data', () => {
    const { pair, a, b, sent, runUntil } = setUp();
    pair.send(a, b);
    runUntil(500);
    sent();
    // b sends each second, a says nothing by itself.
    for (let second = 1; second <= 125; second++) {
      runUntil(second * 1000);
      pair.send(b, a);
    }
    runUntil(125 * SECOND + ROUND_TRIP);
    const { a: fromA, b: fromB } = sent();
    expect(fromB.filter(([kind]) => kind === 'data')).toHaveLength(125);
    // Arriving 20 ms after each second: keepalives at 11.02, 21.02 …; the first after 120 s renews the session.
    expect(fromA.map(([kind, at]) => `${kind} ${at}`)).toEqual([
      ...Array.from({ length: 11 }, (_, n) => `keepalive ${11_020 + n * 10_000}`),
      'keepalive 121020',
      'initiation 121020',
      'keepalive 121060',
    ]);
    expect(pair.handshakes(a)).toBe(2);
    expect(a.missing(b)).toBe(0);
  });

  it('timeline: a one-way download whose receiver is about to lose the session is renewed by it at 165 s', () => {
    const { pair, a, b, sent, runUntil } = setUp();
    pair.send(a, b);
    runUntil(500);
    // Its keepalives are lost to the world: what remains is what it receives.
    runUntil(165 * SECOND + ROUND_TRIP - 20);
    sent();
    pair.send(b, a);
    runUntil(165 * SECOND + ROUND_TRIP + 1);
    expect(sent().a).toEqual([]);
    pair.send(b, a);
    runUntil(166 * SECOND);
    expect(sent().a).toEqual([
      ['initiation', 165_061],
      ['keepalive', 165_101],
    ]);
  });

  it('timeline: a dead peer, from the packet at 0 over the initiations at 15, 20, 25 … s to the end', () => {
    const { pair, a, b, sent, runUntil } = setUp();
    pair.send(a, b);
    runUntil(60);
    pair.send(b, a);
    runUntil(100);
    sent();
    pair.link.isCut = true;
    const start = pair.clock.now;
    const runOn = (at: number) => runUntil(100 + at);
    pair.send(a, b);
    runOn(15 * SECOND - 1);
    expect(sent().a).toEqual([['data', 100]]);
    expect(a.station.count('stopped-hearing')).toBe(0);
    runOn(15 * SECOND + 19 * 5000);
    expect(a.station.count('stopped-hearing')).toBe(1);
    expect(sent().a).toEqual(Array.from({ length: 20 }, (_, n) => ['initiation', 100 + 15_000 + n * 5000]));
    expect(a.station.count('gave-up')).toBe(0);
    runOn(15 * SECOND + 20 * 5000 - 1);
    expect(a.station.count('gave-up')).toBe(0);
    runOn(15 * SECOND + 20 * 5000);
    expect(a.station.count('gave-up')).toBe(1);
    // With j from 0 to 333 ms, 20 × 5 s are 100 to 106.66 s after the first.
    runOn(10 * MINUTE);
    expect(sent().a).toEqual([]);
    pair.send(a, b);
    expect(pair.takeSent(a, start)).toEqual([['initiation', 10 * MINUTE]]);
  });

  it('timeline: a dead peer after the session ended: what is staged is dropped at the end', () => {
    const { pair, a, b, runUntil } = setUp();
    pair.send(a, b);
    runUntil(100);
    pair.link.isCut = true;
    runUntil(200 * SECOND);
    for (let n = 0; n < 3; n++) pair.send(a, b);
    runUntil(300 * SECOND - 1);
    expect(a.station.drops()).toEqual({});
    runUntil(300 * SECOND);
    expect(a.station.drops()).toEqual({ handshake_gave_up: 3 });
  });

  it('timeline: both initiate at once, both answer, both ignore the answer; the first retransmission wins', () => {
    const { pair, a, b, sent, runUntil } = setUp({ jitters: [200, 100] });
    pair.peerOf(b).setEndpoint(a.endpoint);
    pair.send(a, b);
    pair.send(b, a);
    runUntil(50);
    expect(sent()).toEqual({
      a: [
        ['initiation', 0],
        ['response', 20],
      ],
      b: [
        ['initiation', 0],
        ['response', 20],
      ],
    });
    expect([a.station.drops(), b.station.drops()]).toEqual([
      { unexpected_response: 1 },
      { unexpected_response: 1 },
    ]);
    // Each holds an unconfirmed session and may not use it.
    expect([pair.handshakes(a), pair.handshakes(b)]).toEqual([0, 0]);
    expect([a.station.crypto.keyCount, b.station.crypto.keyCount]).toEqual([2, 2]);
    // b's try at 5 s + 100 ms wins; a's answer to it puts off a's own try, which was due at 5.2 s.
    // On the first packet of the new session a sends what it had staged.
    runUntil(5160);
    expect(sent()).toEqual({
      a: [
        ['response', 5120],
        ['data', 5160],
      ],
      b: [
        ['initiation', 5100],
        ['data', 5140],
      ],
    });
    runUntil(5200);
    expect([a.missing(b), b.missing(a)]).toEqual([0, 0]);
    expect([pair.handshakes(a), pair.handshakes(b)]).toEqual([1, 1]);
    runUntil(10 * SECOND);
    expect(sent().a).toEqual([]);
  });

  it('timeline: a tab that slept for 10 minutes wakes to one initiation with a current timestamp, from its new port', () => {
    const { pair, a, b, sent, runUntil } = setUp({ persistentKeepalive: 25 });
    pair.send(a, b);
    runUntil(20 * SECOND);
    sent();
    // Only b lives on meanwhile, and what it sends is lost.
    const asleep = pair.clock.now;
    pair.link.isCut = true;
    pair.clock.runUntil(asleep + 10 * MINUTE, pair.link, b.station);
    b.station.takeSent();
    pair.link.isCut = false;
    expect(a.station.crypto.keyCount).toBe(2);
    // The relay is reached again from another port.
    pair.rebind(a);
    a.station.device.reconnected(pair.clock.now);
    a.station.poll(pair.clock.now);
    expect(a.station.crypto.keyCount).toBe(0);
    expect(pair.takeSent(a, asleep)).toEqual([['initiation', 10 * MINUTE]]);
    const timestamp = a.station.device.lastTimestamp!;
    expect(new DataView(timestamp.buffer).getUint32(4)).toBe(Math.floor(pair.clock.wall / 1000) + 10);
    pair.run(20);
    expect(b.station.status().peers[0]!.endpoint).toBe('198.51.100.1:51821');
    pair.run(40);
    pair.send(b, a);
    pair.run(20);
    expect(a.missing(b)).toBe(0);
    expect(pair.takeSent(a, asleep)).toEqual([['keepalive', 10 * MINUTE + ROUND_TRIP]]);
  });

  it('timeline: a tab that wakes before its relay is back calls again 5 s later, from the new port', () => {
    const { pair, a, b, sent, runUntil } = setUp({ persistentKeepalive: 25 });
    pair.send(a, b);
    runUntil(20 * SECOND);
    pair.link.isCut = true;
    pair.clock.runUntil(pair.clock.now + 10 * MINUTE, pair.link, b.station);
    sent();
    const awake = pair.clock.now;
    a.station.poll(awake);
    pair.rebind(a);
    pair.link.isCut = false;
    pair.run(1000);
    a.station.device.reconnected(pair.clock.now);
    pair.run(5000);
    expect(pair.takeSent(a, awake)).toEqual([
      ['initiation', 0],
      ['initiation', 5000],
      ['keepalive', 5000 + ROUND_TRIP],
    ]);
    expect(b.station.status().peers[0]!.endpoint).toBe('198.51.100.1:51821');
  });
});
