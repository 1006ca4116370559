// Thirty places where a first implementation usually goes wrong.
import { describe, expect, it, vi } from 'vitest';
import { IpPrefix } from '../../../src/core/address.ts';
import { RawIdentity, type StaticIdentity } from '../../../src/core/crypto/identity.ts';
import { type Instant, MINUTE, SECOND } from '../../../src/core/time.ts';
import { IndexTable } from '../../../src/core/wireguard/index-table.ts';
import { isLaterTimestamp } from '../../../src/core/wireguard/tai64n.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { toHex } from '../../support/hex.ts';
import { SeededRandom } from '../../support/random.ts';
import { elsewhere, expectRefused, incoming, outgoing, Scene } from './hostile/scene.ts';
import { Opponent } from './opponent.ts';
import { Pair } from './pair.ts';
import { kindOf, makePacket, Station } from './station.ts';

/** How many datagrams were sent in each instant since the last time. */
function countByTime(station: Station): Map<Instant, number> {
  const counts = new Map<Instant, number>();
  for (const { at } of station.takeSent()) counts.set(at, (counts.get(at) ?? 0) + 1);
  return counts;
}

const kinds = (station: Station) => station.takeSent().map(kindOf);

/** A device that has no session, and a peer of it that waits to be called. */
function setUp(options: { endpoint?: boolean } = {}) {
  const clock = new FakeClock();
  const station = new Station(clock);
  const opponent = new Opponent(station.publicKey);
  station.device.up(clock.now);
  const { endpoint = true } = options;
  station.addPeer(opponent.publicKey, endpoint ? { endpoint: opponent.endpoint } : {});
  return { clock, station, opponent };
}

describe('handshakes', () => {
  it('edge 1: each try is a new initiation; the bytes of an old one would be refused for ever', () => {
    const { station, opponent } = setUp();
    station.run(19.5 * 5000);
    const tries = station.takeSent().map(({ bytes }) => bytes);
    expect(tries).toHaveLength(20);
    for (const [from, to] of [
      [4, 8],
      [8, 40],
      [88, 116],
    ])
      expect(new Set(tries.map((bytes) => toHex(bytes.slice(from, to)))).size).toBe(20);
    // A second device in the place of the peer: it answers each, and none twice.
    const peer = new Station(new FakeClock(), { privateKey: opponent.privateKey });
    peer.device.up(peer.clock.now);
    peer.addPeer(station.publicKey);
    for (const bytes of tries) {
      peer.receive(bytes, elsewhere);
      peer.clock.advance(SECOND);
      peer.receive(bytes, elsewhere);
      expect(kinds(peer)).toEqual(['response']);
    }
    expect(peer.drops()).toEqual({ replayed_initiation: 20 });
  });

  it('edge 2: both sides initiate at once: both answer, both ignore the answer, the jitter decides', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const pair = new Pair({ seed, isQuiet: true });
      const { a, b, clock } = pair;
      pair.peerOf(b).setEndpoint(a.endpoint);
      const start = clock.now;
      pair.send(a, b);
      pair.send(b, a);
      pair.run(4.9 * SECOND);
      expect([pair.handshakes(a), pair.handshakes(b)]).toEqual([0, 0]);
      expect([a.station.drops(), b.station.drops()]).toEqual([
        { unexpected_response: 1 },
        { unexpected_response: 1 },
      ]);
      while (pair.handshakes(a) === 0 && clock.now < start + 12 * SECOND) pair.run(10);
      // 5 s, a jitter, a round trip; or one period more if they tie.
      expect(clock.now - start).toBeLessThan(2 * 5340 + 100);
      pair.run(SECOND);
      expect([a.missing(b), b.missing(a)]).toEqual([0, 0]);
    }
  });

  it('edge 3: the response to an earlier initiation is ignored', () => {
    const scene = new Scene();
    const late = scene.opponent.answer(scene.initiationInFlight());
    const newest = scene.opponent.answer(scene.nextTry());
    expectRefused(scene, late.message, { drop: 'unexpected_response' });
    scene.expectEcho(scene.accept(newest));
  });

  it('edge 4: a duplicate response is ignored', () => {
    const scene = new Scene();
    const answer = scene.opponent.answer(scene.initiationInFlight());
    scene.live = scene.accept(answer);
    expectRefused(scene, answer.message, { drop: 'unexpected_response' });
    expect(scene.station.count('handshake')).toBe(2);
  });

  it("edge 5: when the response is lost, the initiator's next try replaces the waiting session and frees its index", () => {
    const scene = new Scene();
    const { station } = scene;
    const release = vi.spyOn(IndexTable.prototype, 'release');
    const allocate = vi.spyOn(IndexTable.prototype, 'allocate');
    const lost = scene.offer();
    for (let n = 0; n < 50; n++) scene.offer();
    // What is left are the live session and the one on offer.
    expect(allocate.mock.calls.length - release.mock.calls.length).toBe(1);
    expect(station.crypto.keyCount).toBe(4);
    vi.restoreAllMocks();
    expectRefused(scene, scene.opponent.seal(lost, incoming), { drop: 'unknown_index' });
  });

  it("edge 6: when the confirmation is lost the responder stays silent, and the initiator's next packet confirms", () => {
    const { clock, station, opponent } = setUp({ endpoint: false });
    const { message, sent } = opponent.initiate();
    station.receive(message, opponent.endpoint);
    const session = opponent.complete(sent, station.takeSent()[0]!.bytes);
    const answered = clock.now;
    // It has something to say, waits, and does not initiate within 5 s of its response.
    expect(station.send(outgoing)).toBe('staged');
    station.runUntil(answered + 4999.9);
    expect(station.takeSent()).toEqual([]);
    station.receive(opponent.seal(session, incoming), opponent.endpoint);
    expect(kinds(station)).toEqual(['data']);
    expect(station.delivered).toEqual([incoming]);
    expect(station.count('handshake')).toBe(1);
  });

  it('edge 7: the first packet on a new session may have counter 7; 0 to 6 are accepted after it', () => {
    const scene = new Scene();
    const offered = scene.offer();
    scene.hear(offered, incoming, 7n);
    for (let counter = 6n; counter >= 0n; counter--) scene.hear(offered, incoming, counter);
    expect(scene.station.delivered).toHaveLength(8);
    expect(scene.station.drops()).toEqual({});
  });

  it('edge 8: data that overtakes the response has only the index of a handshake, and is dropped', () => {
    const { station, opponent } = setUp();
    const { message, session } = opponent.answer(station.takeSent()[0]!.bytes);
    station.receive(opponent.seal(session, incoming), opponent.endpoint);
    expect(station.drops()).toEqual({ unknown_index: 1 });
    station.receive(message, opponent.endpoint);
    station.receive(opponent.seal(session, incoming), opponent.endpoint);
    expect(station.delivered).toEqual([incoming]);
  });

  it('edge 9: everything may come twice: data, initiations, responses, cookie replies', () => {
    const pair = new Pair({ impairments: { delay: 20, jitter: 10, duplicate: 1 } });
    pair.run(SECOND);
    pair.talk(MINUTE);
    pair.run(SECOND);
    expect([pair.a.missing(pair.b), pair.b.missing(pair.a), pair.a.duplicates, pair.b.duplicates]).toEqual([
      0, 0, 0, 0,
    ]);
    expect(Object.keys(pair.a.station.drops()).sort()).toEqual(['replay', 'unexpected_response']);
    expect(Object.keys(pair.b.station.drops()).sort()).toEqual(['replay', 'replayed_initiation']);

    const scene = new Scene();
    const { reply, mac2 } = scene.opponent.refuseWithCookie(scene.initiationInFlight());
    scene.station.receive(reply, elsewhere);
    expectRefused(scene, reply, { drop: 'unexpected_cookie', peer: 0 });
    const retry = scene.nextTry();
    expect(retry.slice(132)).toEqual(mac2(retry));
  });
});

describe('clocks', () => {
  /** The timestamp of the initiation that a new device with this key makes at once. */
  function timestampAfterReload(wall: number, lastTimestamp?: Uint8Array): Uint8Array {
    const clock = new FakeClock();
    clock.wall = wall;
    const station = new Station(clock, lastTimestamp ? { lastTimestamp } : {});
    const opponent = new Opponent(station.publicKey);
    station.addPeer(opponent.publicKey, { endpoint: opponent.endpoint });
    station.device.up(clock.now);
    const { timestamp } = opponent.read(station.takeSent()[0]!.bytes);
    expect(station.device.lastTimestamp).toEqual(timestamp);
    return timestamp;
  }

  it('edge 10: the clock goes back between reloads: the next timestamp is later all the same', () => {
    const wall = Date.UTC(2027, 0, 15);
    const first = timestampAfterReload(wall);
    const second = timestampAfterReload(wall - 3_600_000, first);
    const third = timestampAfterReload(wall - 365 * 86_400_000, second);
    expect(isLaterTimestamp(second, first)).toBe(true);
    expect(isLaterTimestamp(third, second)).toBe(true);
    // Without what was kept, the peer would not answer for an hour.
    expect(isLaterTimestamp(timestampAfterReload(wall - 3_600_000), first)).toBe(false);
  });

  it('edge 11: the clock goes back while running: sessions do not age by it, and timestamps go on', () => {
    const scene = new Scene();
    const { station, clock, opponent } = scene;
    const before = station.device.lastTimestamp!;
    clock.wall -= 2 * 3_600_000;
    scene.expectEcho();
    const { timestamp } = opponent.read(scene.initiationInFlight());
    expect(isLaterTimestamp(timestamp, before)).toBe(true);
    scene.expectEcho();
  });

  it('edge 12: after a sleep of minutes the sessions are dead, and there is one initiation', () => {
    const scene = new Scene();
    const { station, clock } = scene;
    scene.hear(scene.live);
    clock.advance(10 * MINUTE);
    const packet = scene.opponent.seal(scene.live, incoming);
    station.receive(packet, scene.opponent.endpoint);
    expect(station.drops()).toEqual({ unknown_index: 1 });
    expect(station.crypto.keyCount).toBe(0);
    for (let n = 0; n < 5; n++) station.send(outgoing);
    station.poll(clock.now);
    expect(kinds(station)).toEqual(['initiation']);
  });

  it('edge 13: after a relay reconnect everyone with a session hears from us at once', () => {
    const scene = new Scene();
    scene.station.device.reconnected(scene.clock.now);
    const [keepalive, ...rest] = scene.station.takeSent();
    expect(rest).toEqual([]);
    expect(scene.opponent.open(scene.live, keepalive!.bytes)).toHaveLength(0);
    scene.expectEcho();
  });

  it("edge 17: a peer's clock is its own affair: only that its timestamps increase", () => {
    const { station, opponent, clock } = setUp({ endpoint: false });
    for (const seconds of [5, 6, 1_000_000_000, 4_000_000_000]) {
      opponent.seconds = seconds;
      station.receive(opponent.initiate().message, elsewhere);
      clock.advance(SECOND);
    }
    expect(kinds(station)).toEqual(Array(4).fill('response'));
    expect(station.drops()).toEqual({});
  });
});

describe('peers', () => {
  it('edge 14: an index that is in use is drawn again', () => {
    const scene = new Scene();
    const { station } = scene;
    const taken = new Uint8Array(4);
    new DataView(taken.buffer).setUint32(0, scene.live.remoteIndex);
    station.draws.push(taken, taken, Uint8Array.of(0xaa, 0xbb, 0xcc, 0xdd));
    const initiation = scene.initiationInFlight();
    expect(new DataView(initiation.buffer).getUint32(4, true)).toBe(0xaabb_ccdd);
    scene.expectEcho();
  });

  it('edge 15: two peers at one endpoint are told apart by index alone', () => {
    const scene = new Scene();
    const { station, opponent } = scene;
    const { endpoint } = opponent;
    const other = scene.addOther({ endpoint });
    const { message, session } = other.answer(station.takeSent()[0]!.bytes);
    station.receive(message, endpoint);
    station.takeSent();
    const packet = makePacket('10.7.0.1', '10.0.0.2');
    station.receive(other.seal(session, packet), endpoint);
    expect(station.delivered).toEqual([packet]);
    station.send(makePacket('10.0.0.2', '10.7.0.1'));
    other.open(session, station.takeSent()[0]!.bytes);
    scene.expectEcho();
    expect(station.status().peers.map((peer) => peer.endpoint)).toEqual([
      '192.0.2.1:51919',
      '192.0.2.1:51919',
    ]);
    // Neither may speak with the other's address.
    station.receive(other.seal(session, incoming), endpoint);
    expect(station.status().peers.map((peer) => peer.drops)).toEqual([{}, { disallowed_source: 1 }]);
  });

  it('edge 16: a peer that restarted is called after 15 s of silence, or calls and is answered at once', () => {
    const pair = new Pair({ jitters: [333, 333] });
    pair.talk(10 * SECOND);
    const { a, b } = pair;
    pair.restart(b, 3);
    const start = pair.clock.now;
    pair.send(a, b);
    while (pair.handshakes(b) === 0 && pair.clock.now < start + MINUTE) pair.run(1);
    // 15 s, the jitter, and the way of initiation, response and confirmation.
    expect(pair.clock.now - start).toBe(15_000 + 333 + 3 * 20);

    const scene = new Scene();
    const offered = scene.offer();
    // The session that it forgot is healthy, and is used until the new one is confirmed.
    scene.station.send(outgoing);
    scene.opponent.open(scene.live, scene.station.takeSent()[0]!.bytes);
    scene.confirm(offered);
    scene.expectEcho(offered);
  });

  it('edge 18: an initiation is answered although one of ours is less than 5 s old', () => {
    const { station, opponent, clock } = setUp();
    expect(kinds(station)).toEqual(['initiation']);
    clock.advance(10);
    const { message, sent } = opponent.initiate();
    station.receive(message, opponent.endpoint);
    const [response] = station.takeSent();
    const session = opponent.complete(sent, response!.bytes);
    station.receive(opponent.seal(session, incoming), opponent.endpoint);
    expect(station.delivered).toEqual([incoming]);
    station.run(20 * SECOND);
    expect(kinds(station)).not.toContain('initiation');
  });

  it('edge 27: a thousand peers with a keepalive each second are not all called in one instant', () => {
    const clock = new FakeClock();
    clock.moveTo(Math.ceil(clock.now));
    const station = new Station(clock);
    // A real one for a thousand peers takes seconds.
    station.crypto.dh = (privateKey, publicKey) => station.crypto.hash(privateKey, publicKey);
    const random = new SeededRandom(27);
    for (let n = 0; n < 1000; n++)
      station.addPeer(random.bytes(32), { endpoint: elsewhere, routes: '', persistentKeepalive: 1 });
    const start = clock.now;
    station.device.up(start);
    station.run(4.9 * SECOND);
    const perInstant = countByTime(station);
    expect([...perInstant.values()].reduce((sum, count) => sum + count)).toBe(1000);
    expect(Math.max(...perInstant.values())).toBeLessThanOrEqual(16);
    expect(Math.max(...perInstant.keys()) - start).toBeLessThan(2.6 * SECOND);
  });

  it('edge 27: nor are their keepalives due in one instant, once they have sessions', () => {
    const clock = new FakeClock();
    clock.moveTo(Math.ceil(clock.now));
    const station = new Station(clock);
    const opponents = Array.from({ length: 100 }, (_, n) => {
      const opponent = new Opponent(station.publicKey, 100 + n);
      const { endpoint } = opponent;
      station.addPeer(opponent.publicKey, { endpoint, routes: '', persistentKeepalive: 1 });
      return opponent;
    });
    // Each answers 20 ms after it is called.
    const answers: { at: number; message: Uint8Array; opponent: Opponent }[] = [];
    station.transmit = (bytes, to) => {
      const opponent = opponents.find(({ endpoint }) => endpoint === to)!;
      if (bytes[0] === 1)
        answers.push({ at: clock.now + 20, message: opponent.answer(bytes).message, opponent });
    };
    station.device.up(clock.now);
    for (let n = 0; n < 1000; n++) {
      station.run(1);
      while (answers[0] && answers[0].at <= clock.now) {
        const { message, opponent } = answers.shift()!;
        station.receive(message, opponent.endpoint);
      }
    }
    expect(station.count('handshake')).toBe(100);
    station.takeSent();
    station.run(SECOND);
    expect(station.sent.map(kindOf)).toEqual(Array(100).fill('keepalive'));
    const keepalives = countByTime(station);
    expect(Math.max(...keepalives.values())).toBeLessThanOrEqual(20);
    expect(keepalives.size).toBeGreaterThan(50);
    // After ten minutes of sleep all are overdue: each is called, again not at once.
    clock.advance(10 * MINUTE);
    station.run(0.9 * SECOND);
    expect(station.sent.map(kindOf)).toEqual(Array(100).fill('initiation'));
    expect(Math.max(...countByTime(station).values())).toBeLessThanOrEqual(16);
  });

  it('edge 28: a change of the port alone is roaming, too', () => {
    const scene = new Scene();
    const { station, opponent } = scene;
    const moved = { ...opponent.endpoint, port: opponent.endpoint.port + 1 };
    scene.hear(scene.live, incoming, undefined, moved);
    station.send(outgoing);
    expect(station.takeSent()[0]!.to).toBe(moved);
    expect(station.status().peers[0]!.endpoint).toBe('192.0.2.1:51920');
  });

  it('edge 29: after our restart an old initiation is accepted once and moves the endpoint, but no data leaks', () => {
    const { station, opponent, clock } = setUp();
    const replayed = opponent.initiate().message;
    station.takeSent();
    station.receive(replayed, elsewhere);
    const [response] = station.takeSent();
    expect([kindOf(response!), response!.to]).toEqual(['response', elsewhere]);
    clock.advance(SECOND);
    station.receive(replayed, elsewhere);
    expect(station.drops()).toEqual({ replayed_initiation: 1 });
    // The attacker has no keys: what we have to say waits.
    for (let n = 0; n < 10; n++) expect(station.send(outgoing)).toBe('staged');
    station.run(3 * SECOND);
    expect(station.takeSent()).toEqual([]);
    expect(station.status().peers[0]!.endpoint).toBe('203.0.113.9:9');
    // The peer itself comes, and is followed.
    const { message, sent } = opponent.initiate();
    station.receive(message, opponent.endpoint);
    const session = opponent.complete(sent, station.takeSent()[0]!.bytes);
    station.receive(opponent.seal(session), opponent.endpoint);
    expect(station.takeSent().map((datagram) => [kindOf(datagram), datagram.to])).toEqual(
      Array(10).fill(['data', opponent.endpoint]),
    );
  });

  it('edge 30: steady traffic never gives up, but what is staged is bounded', () => {
    const { station } = setUp();
    for (let n = 0; n < 400; n++) {
      station.send(outgoing);
      station.run(SECOND);
    }
    expect(station.count('gave-up')).toBe(0);
    expect(station.drops()).toEqual({ staged_overflow: 400 - 128 });
    expect(kinds(station).length).toBeGreaterThanOrEqual(75);
    // Once nothing new comes, the twentieth try is the last.
    station.run(20 * 5000);
    expect(station.count('gave-up')).toBe(1);
    expect(station.drops()).toEqual({ staged_overflow: 400 - 128, handshake_gave_up: 128 });
  });
});

describe('keys and counters', () => {
  /** A session of the device, and its keypair as the index table was given it. */
  function watched() {
    const assign = vi.spyOn(IndexTable.prototype, 'assign');
    const scene = new Scene();
    const keypair = assign.mock.calls.at(-1)![1];
    assign.mockRestore();
    scene.clock.advance(6 * SECOND);
    return { scene, keypair, ...scene };
  }

  it('edge 19: a session is renewed for its age or for its messages, whichever comes first', () => {
    const young = watched();
    [young.keypair.counterHigh, young.keypair.counterLow] = [0x0fff_ffff, 0xffff_ffff];
    young.station.send(outgoing);
    expect(kinds(young.station)).toEqual(['data']);
    young.station.send(outgoing);
    expect(kinds(young.station)).toEqual(['data', 'initiation']);

    const old = watched();
    old.clock.advance(120 * SECOND);
    old.station.send(outgoing);
    expect(kinds(old.station)).toEqual(['data', 'initiation']);
    expect(old.keypair.counterHigh).toBe(0);
  });

  it('edge 20: at the limit of its counter a session stops sending; it does not wrap', () => {
    const { scene, station, opponent, keypair } = watched();
    [keypair.counterHigh, keypair.counterLow] = [0xffff_ffff, 0xffff_dffe];
    expect(station.send(outgoing)).toBe('sent');
    const [last, initiation] = station.takeSent();
    expect(new DataView(last!.bytes.buffer).getBigUint64(8, true)).toBe(2n ** 64n - 2n ** 13n - 2n);
    for (let n = 0; n < 10; n++) expect(station.send(outgoing)).toBe('staged');
    expect(station.takeSent()).toEqual([]);
    // It still receives, and what waits leaves on the next session.
    scene.hear(scene.live);
    expect(station.delivered).toEqual([incoming]);
    const { message, session } = opponent.answer(initiation!.bytes);
    station.receive(message, opponent.endpoint);
    const sent = station.takeSent();
    expect(sent).toHaveLength(10);
    for (const [n, { bytes }] of sent.entries()) {
      expect(new DataView(bytes.buffer).getBigUint64(8, true)).toBe(BigInt(n));
      opponent.open(session, bytes);
    }
  });

  it('edge 21: answers of asynchronous crypto for a peer that was removed come to nothing', () => {
    const waiting: ((now: Instant) => void)[] = [];
    const slow = (raw: RawIdentity): StaticIdentity => ({
      publicKey: raw.publicKey,
      dh: (key, now, answer) => {
        waiting.push((later) => raw.dh(key, now, (shared) => answer(shared, later)));
      },
      destroy: () => {},
    });
    const clock = new FakeClock();
    const station = new Station(clock, { identity: slow });
    const opponent = new Opponent(station.publicKey);
    const answerAll = () => {
      for (const one of waiting.splice(0)) one(clock.now);
    };
    station.device.up(clock.now);
    station.addPeer(opponent.publicKey, { endpoint: opponent.endpoint });
    answerAll();
    station.receive(opponent.answer(station.takeSent()[0]!.bytes).message, opponent.endpoint);
    station.receive(opponent.initiate().message, opponent.endpoint);
    station.device.removePeer(opponent.publicKey);
    answerAll();
    expect(station.takeSent()).toEqual([]);
    expect(station.drops()).toEqual({ unexpected_response: 1, unknown_peer: 1 });
    expect(station.crypto.keyCount).toBe(0);
    // The very first question, too: the DH of the static keys.
    station.addPeer(opponent.publicKey, { endpoint: opponent.endpoint });
    station.device.removePeer(opponent.publicKey);
    answerAll();
    expect(station.takeSent()).toEqual([]);
  });

  it('edge 22: the private key changes under live sessions: they receive, send nothing, and a handshake follows', () => {
    const scene = new Scene();
    const { station, clock, opponent } = scene;
    const renewed = new RawIdentity(new SeededRandom(77).bytes(32), station.crypto);
    const { publicKey } = renewed;
    station.device.setIdentity(renewed, clock.now);
    scene.hear(scene.live);
    expect(station.delivered).toEqual([incoming]);
    expect(station.send(outgoing)).toBe('staged');
    const [initiation, ...rest] = station.takeSent();
    expect(rest).toEqual([]);
    // It is made with the new key.
    expect(() => opponent.read(initiation!.bytes)).toThrow();
    const same = new Opponent(publicKey);
    expect(same.publicKey).toEqual(opponent.publicKey);
    const { message, session } = same.answer(initiation!.bytes);
    station.receive(message, opponent.endpoint);
    expect(same.open(session, station.takeSent()[0]!.bytes).slice(0, outgoing.length)).toEqual(outgoing);
  });
});

describe('inner packets', () => {
  it('edge 23: an IPv6 payload length of 65535 does not wrap', () => {
    const scene = new Scene();
    for (const [length, size] of [
      [65_535, 60],
      [65_500, 60],
      [65_535, 1400],
    ] as const) {
      const packet = makePacket('fd00::1', 'fd00::2', size);
      new DataView(packet.buffer).setUint16(4, length);
      scene.hear(scene.live, packet);
    }
    expect(scene.station.drops()).toEqual({ bad_inner: 3 });
    expect(scene.station.delivered).toEqual([]);
  });

  it('edge 24: a keepalive does not reach the IP stack, and 16 zero bytes are none', () => {
    const scene = new Scene();
    scene.hear(scene.live, new Uint8Array(0));
    expect(scene.station.drops()).toEqual({});
    scene.hear(scene.live, new Uint8Array(16));
    expect(scene.station.drops()).toEqual({ bad_inner: 1 });
    expect(scene.station.delivered).toEqual([]);
  });

  it('edge 25: prefixes that overlap move to the peer that names them last, and come back on reload', () => {
    const scene = new Scene();
    const { station, opponent } = scene;
    const other = scene.addOther({ routes: '10.7.0.0/16' });
    const prefixes = (...texts: string[]) => texts.map((text) => IpPrefix.parse(text)!);
    const owned = () => station.status().peers.map(({ allowedIps }) => allowedIps.join(' '));
    expect(owned()).toEqual(['10.0.0.0/8', '10.7.0.0/16']);
    station.device.setAllowedIps(other.publicKey, prefixes('10.7.0.0/16', '10.0.0.0/8'));
    expect(owned()).toEqual(['', '10.0.0.0/8 10.7.0.0/16']);
    // The session lives on; its packets are another's now.
    scene.hear(scene.live);
    expect(station.drops()).toEqual({ disallowed_source: 1 });
    station.device.setAllowedIps(opponent.publicKey, prefixes('10.0.0.0/8'));
    expect(owned()).toEqual(['10.0.0.0/8', '10.7.0.0/16']);
    scene.expectEcho();
  });

  it('edge 26: the MTU is lowered while packets are staged: they leave as they are, and later ones fit', () => {
    const { station, opponent } = setUp();
    const large = makePacket('10.0.0.2', '10.0.0.1', 1420);
    for (let n = 0; n < 5; n++) expect(station.send(large)).toBe('staged');
    station.device.setMtu(1280);
    const { message, session } = opponent.answer(station.takeSent()[0]!.bytes);
    station.receive(message, opponent.endpoint);
    const sent = station.takeSent();
    expect(sent).toHaveLength(5);
    for (const { bytes } of sent) expect(opponent.open(session, bytes).slice(0, 1420)).toEqual(large);
    // Padding follows the new MTU.
    station.send(makePacket('10.0.0.2', '10.0.0.1', 1275));
    expect(opponent.open(session, station.takeSent()[0]!.bytes)).toHaveLength(1280);
    expect(station.drops()).toEqual({});
  });
});
