// Faults that other WireGuards had, and this one shall not have.
import { describe, expect, it, vi } from 'vitest';
import { MINUTE, SECOND } from '../../../src/core/time.ts';
import { IndexTable } from '../../../src/core/wireguard/index-table.ts';
import { isLaterTimestamp, TimestampClock, timestampOf } from '../../../src/core/wireguard/tai64n.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { toHex } from '../../support/hex.ts';
import {
  elsewhere,
  expectRefused,
  flipped,
  incoming,
  lowOrderPoints,
  outgoing,
  Scene,
} from './hostile/scene.ts';
import { Opponent } from './opponent.ts';
import { Pair } from './pair.ts';
import { kindOf, makePacket, Station } from './station.ts';

const YEAR = 365.25 * 86_400_000;

describe('clocks', () => {
  it('history: CVE-2021-46873, a clock forced forward once locks the client out: not by more than twenty years', () => {
    const clock = new FakeClock();
    const honest = clock.wall;
    const station = new Station(clock);
    const opponent = new Opponent(station.publicKey);
    clock.wall += 5000 * YEAR;
    station.device.up(clock.now);
    station.addPeer(opponent.publicKey, { endpoint: opponent.endpoint });
    const forced = opponent.read(station.takeSent()[0]!.bytes).timestamp;
    expect(station.events.some(({ type }) => type === 'clock-suspect')).toBe(true);
    // What a client with the right time sends next year is still later.
    expect(isLaterTimestamp(timestampOf((honest + YEAR) / 1000, 0), forced)).toBe(true);
  });

  it('history: CVE-2021-46873, within twenty years the key goes on from the kept timestamp, also after the correction', () => {
    const clock = new FakeClock();
    let last: Uint8Array | undefined;
    for (const step of [0, 10 * YEAR, -10 * YEAR, 0]) {
      clock.wall += step;
      const device = new TimestampClock(clock.wallClock, last);
      const next = device.next();
      if (last) expect(isLaterTimestamp(next, last)).toBe(true);
      last = device.last;
    }
  });

  it('history: CVE-2021-46873 on the other side: after ff…ff a key is refused until its peer is added anew', () => {
    const scene = new Scene();
    scene.answerTo(scene.opponent.initiate(new Uint8Array(12).fill(0xff)).message);
    scene.clock.advance(SECOND);
    const { message } = scene.opponent.initiate();
    expectRefused(scene, message, { drop: 'replayed_initiation', peer: 0, dhs: 1 });
    scene.station.device.removePeer(scene.opponent.publicKey);
    scene.station.addPeer(scene.opponent.publicKey);
    scene.answerTo(message);
  });

  it('history: wireguard-go 2018, nanoseconds of TAI64N computed from a total overflow: never 10^9 or more', () => {
    let wall = Date.UTC(2038, 0, 19, 3, 14, 7, 999);
    const clock = new TimestampClock(() => wall);
    let last = clock.next();
    for (let n = 0; n < 3000; n++) {
      wall += n % 3 === 0 ? 0.9 : 0;
      const next = clock.next();
      const view = new DataView(next.buffer);
      expect(view.getUint32(8)).toBeLessThan(1e9);
      expect(view.getUint32(8) % (1 << 24)).toBe(0);
      expect(isLaterTimestamp(next, last)).toBe(true);
      last = next;
    }
    // In 2106 the label carries, too.
    expect(toHex(timestampOf(2 ** 32 - 10, 0))).toBe('400000010000000000000000');
  });
});

describe('counters', () => {
  it('history: boringtun 0.7.1, a send counter of 32 bits repeats nonces: ours has 64', () => {
    const assign = vi.spyOn(IndexTable.prototype, 'assign');
    const scene = new Scene();
    const keypair = assign.mock.calls.at(-1)![1];
    assign.mockRestore();
    const { station, opponent } = scene;
    const first = keypair.counterLow;
    keypair.counterLow = 0xffff_ffff;
    const counters = [0, 1, 2].map(() => {
      station.send(outgoing);
      const { bytes } = station.takeSent()[0]!;
      // It opens under its own counter and no other.
      expect(opponent.open(scene.live, bytes).slice(0, outgoing.length)).toEqual(outgoing);
      return new DataView(bytes.buffer).getBigUint64(8, true);
    });
    expect(counters).toEqual([0xffff_ffffn, 0x1_0000_0000n, 0x1_0000_0001n]);
    expect(first).toBeLessThan(10);
  });

  it('history: Zephyr 2026, a fresh replay window: exactly 8128, duplicates at every distance, jumps, keepalives', () => {
    const scene = new Scene();
    const { station } = scene;
    const counts = () => [station.status().peers[0]!.rxBytes, station.drops().replay ?? 0];
    const [rx] = counts();
    const accepted = [20_000n, 19_999n, 11_872n, 20_001n, 28_129n, 20_002n];
    const refused = [11_871n, 20_000n, 19_999n, 11_872n, 20_001n, 28_129n, 20_000n];
    for (const counter of accepted.slice(0, 3)) scene.hear(scene.live, new Uint8Array(0), counter);
    for (const counter of refused.slice(0, 4)) scene.hear(scene.live, new Uint8Array(0), counter);
    for (const counter of accepted.slice(3)) scene.hear(scene.live, new Uint8Array(0), counter);
    for (const counter of refused.slice(4)) scene.hear(scene.live, new Uint8Array(0), counter);
    // Keepalives count as packets, each once, and none is answered or delivered.
    expect(counts()).toEqual([rx! + 32 * accepted.length, refused.length]);
    station.run(MINUTE);
    expect(station.takeSent()).toEqual([]);
    expect(station.delivered).toEqual([]);
  });
});

describe('sessions', () => {
  it('history: boringtun #50, a late packet on an old session makes it current again: never', () => {
    const scene = new Scene();
    const old = scene.live;
    const renewed = scene.accept(scene.opponent.answer(scene.initiationInFlight()));
    for (let n = 0; n < 3; n++) {
      scene.hear(old);
      scene.expectEcho(renewed);
    }
    expect(scene.station.status().peers[0]!.latestHandshake).toBe(scene.clock.wall);
    expect(scene.station.count('handshake')).toBe(2);
  });

  it('history: boringtun #489, the endpoint follows cookie replies: never, good or bad', () => {
    const scene = new Scene();
    const { station, opponent } = scene;
    const { reply } = opponent.refuseWithCookie(scene.initiationInFlight());
    station.receive(flipped(reply, 40), elsewhere);
    station.receive(reply, elsewhere);
    expect(station.status().peers[0]!.endpoint).toBe('192.0.2.1:51919');
    expect(station.count('roamed')).toBe(0);
    station.send(outgoing);
    expect(station.takeSent()[0]!.to).toBe(opponent.endpoint);
  });

  it('history: wireguard-go c7b76d3, a zero DH in a response is not noticed: all fourteen points are refused', () => {
    const scene = new Scene();
    const initiation = scene.initiationInFlight();
    for (const point of lowOrderPoints) {
      const response = scene.opponent.answerWithPoint(initiation, point);
      expectRefused(scene, response, { drop: 'bad_response', peer: 0, dhs: 1 });
    }
    scene.expectEcho(scene.accept(scene.opponent.answer(initiation)));
  });

  it('history: OpenBSD, an initiation created between consuming one and answering it: one turn does both', () => {
    // Everything that could create one in between: a packet, a timer, a reconnect, from within the sending of the response.
    const scene = new Scene();
    const { station, opponent, clock } = scene;
    clock.advance(181 * SECOND);
    station.send(outgoing);
    expect(station.takeSent().map(kindOf)).toEqual(['initiation']);
    const { message, sent } = opponent.initiate();
    station.receive(message, opponent.endpoint);
    station.send(outgoing);
    station.poll(clock.now);
    station.device.reconnected(clock.now);
    const [response, ...rest] = station.takeSent();
    expect(kindOf(response!)).toBe('response');
    // Held back: the state is that of the answer, and the session can begin.
    expect(rest).toEqual([]);
    const session = opponent.complete(sent, response!.bytes);
    scene.hear(session);
    expect(station.delivered).toEqual([incoming]);
    expect(station.takeSent().map(kindOf)).toEqual(['data', 'data']);
  });

  it('history: tailscale-rs, on a way without jitter two that initiate at once do so for ever: ours jitters itself', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const pair = new Pair({ seed, isQuiet: true, impairments: { delay: 20 } });
      const { a, b } = pair;
      pair.peerOf(b).setEndpoint(a.endpoint);
      pair.send(a, b);
      pair.send(b, a);
      pair.run(12 * SECOND);
      expect([a.missing(b), b.missing(a)], `seed ${seed}`).toEqual([0, 0]);
    }
  });

  it('history: wireguard-go receive.go, the length of IPv6 is added up in 16 bits: here it reads no stale memory', () => {
    const scene = new Scene();
    const { memory } = scene.station.crypto;
    // What an earlier, larger datagram left behind.
    memory.bytes.fill(0xee, memory.ingress.start, memory.ingress.end);
    for (const length of [65_535, 65_496, 65_500]) {
      const packet = makePacket('fd00::1', 'fd00::2', 60);
      new DataView(packet.buffer).setUint16(4, length);
      scene.hear(scene.live, packet);
    }
    expect(scene.station.delivered).toEqual([]);
    expect(scene.station.drops()).toEqual({ bad_inner: 3 });
  });
});
