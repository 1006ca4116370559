import { beforeEach, describe, expect, it, vi } from 'vitest';
import { IpAddress } from '../../../src/core/address.ts';
import { toBase64 } from '../../../src/core/bytes.ts';
import type { Endpoint } from '../../../src/core/endpoint.ts';
import { NEVER, SECOND } from '../../../src/core/time.ts';
import { IndexTable } from '../../../src/core/wireguard/index-table.ts';
import { isLaterTimestamp } from '../../../src/core/wireguard/tai64n.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { Opponent, type Session } from './opponent.ts';
import { SlowIdentity } from './slow-identity.ts';
import { kindOf, makePacket, Station } from './station.ts';

const outgoing = makePacket('10.0.0.2', '10.0.0.1');
const incoming = makePacket('10.0.0.1', '10.0.0.2');
const elsewhere: Endpoint = { host: '2001:db8::9', port: 9 };

let clock: FakeClock;
let station: Station;
let opponent: Opponent;

beforeEach(() => {
  clock = new FakeClock();
  station = new Station(clock);
  opponent = new Opponent(station.publicKey);
});

const kinds = (from = station) => from.takeSent().map(kindOf);

function connect(from = station): Session {
  from.send(outgoing);
  const initiation = from.takeSent().find((sent) => kindOf(sent) === 'initiation')!;
  const { message, session } = opponent.answer(initiation.bytes);
  from.receive(message, opponent.endpoint);
  from.takeSent();
  return session;
}

describe('as initiator', () => {
  it('calls every peer that has an endpoint when it comes up', () => {
    station.addPeer(opponent.publicKey, { endpoint: opponent.endpoint });
    station.addPeer(new Opponent(station.publicKey, 7).publicKey, { routes: '10.7.0.0/16' });
    expect(kinds()).toEqual([]);
    station.device.up(clock.now);
    station.device.up(clock.now);
    expect(kinds()).toEqual(['initiation']);
    station.addPeer(new Opponent(station.publicKey, 8).publicKey, {
      endpoint: elsewhere,
      routes: '10.8.0.0/16',
    });
    expect(station.takeSent()).toMatchObject([{ to: elsewhere }]);
  });

  it('confirms the session with a keepalive when there is nothing to send', () => {
    station.addPeer(opponent.publicKey, { endpoint: opponent.endpoint });
    station.device.up(clock.now);
    const { message, session } = opponent.answer(station.takeSent()[0]!.bytes);
    station.receive(message, opponent.endpoint);
    const [keepalive] = station.takeSent();
    expect(opponent.open(session, keepalive!.bytes)).toEqual(new Uint8Array(0));
    expect(station.events.map(({ type }) => type)).toEqual(['handshake-attempt', 'handshake']);
    expect(station.status().peers[0]).toMatchObject({
      latestHandshake: clock.wall,
      handshakeAttempts: 0,
      hasSession: true,
      txBytes: 148 + 32,
      rxBytes: 92,
    });
  });

  it('sends what is staged instead, in order, and keeps the newest 128', () => {
    station.addPeer(opponent.publicKey, { endpoint: opponent.endpoint });
    station.device.up(clock.now);
    const [initiation] = station.takeSent();
    for (let n = 0; n < 10_000; n++) {
      const packet = outgoing.slice();
      new DataView(packet.buffer).setUint32(40, n);
      expect(station.send(packet)).toBe('staged');
    }
    expect(station.drops()).toEqual({ staged_overflow: 10_000 - 128 });
    const { message, session } = opponent.answer(initiation!.bytes);
    station.receive(message, opponent.endpoint);
    const numbers = station.takeSent().map(({ bytes }) => {
      const packet = opponent.open(session, bytes);
      return new DataView(packet.buffer).getUint32(40);
    });
    expect(numbers).toEqual(Array.from({ length: 128 }, (_, n) => 10_000 - 128 + n));
  });

  it('tells a preshared key that differs from silence', () => {
    station.addPeer(opponent.publicKey, {
      endpoint: opponent.endpoint,
      presharedKey: new Uint8Array(32).fill(1),
    });
    station.device.up(clock.now);
    station.receive(opponent.answer(station.takeSent()[0]!.bytes).message, opponent.endpoint);
    expect(station.events.at(-1)).toEqual({ type: 'psk-mismatch', publicKey: opponent.publicKey });
    expect(station.drops()).toEqual({ bad_response: 1 });
    // The state is as it was: once the keys agree, the retry succeeds.
    opponent.presharedKey.fill(1);
    station.run(5 * SECOND);
    const { message } = opponent.answer(station.takeSent()[0]!.bytes);
    station.receive(message, opponent.endpoint);
    expect(kinds()).toEqual(['keepalive']);
    expect(station.status().peers[0]!.hasPresharedKey).toBe(true);
  });
});

describe('as responder', () => {
  beforeEach(() => station.device.up(clock.now));

  it('answers, learns where the peer is, and sends nothing before the peer has used the session', () => {
    station.addPeer(opponent.publicKey);
    expect(station.send(outgoing)).toBe('no_endpoint');
    const { message, sent } = opponent.initiate();
    station.receive(message, elsewhere);
    const [response] = station.takeSent();
    expect(response!.to).toBe(elsewhere);
    const session = opponent.complete(sent, response!.bytes);
    expect(station.send(outgoing)).toBe('staged');
    expect(kinds()).toEqual([]);
    expect(station.status().peers[0]).toMatchObject({ latestHandshake: undefined, hasSession: false });
    station.receive(opponent.seal(session), elsewhere);
    expect(kinds()).toEqual(['data']);
    expect(station.status().peers[0]).toMatchObject({
      endpoint: '[2001:db8::9]:9',
      latestHandshake: clock.wall,
      hasSession: true,
    });
    expect(station.count('handshake')).toBe(1);
    expect(station.drops()).toEqual({ no_endpoint: 1 });
  });

  it('goes on with the old session until the new one is confirmed', () => {
    station.addPeer(opponent.publicKey, { endpoint: opponent.endpoint });
    const old = connect();
    const { message, sent } = opponent.initiate();
    station.receive(message, opponent.endpoint);
    const renewed = opponent.complete(sent, station.takeSent()[0]!.bytes);
    station.send(outgoing);
    opponent.open(old, station.takeSent()[0]!.bytes);
    station.receive(opponent.seal(renewed, incoming), opponent.endpoint);
    station.send(outgoing);
    opponent.open(renewed, station.takeSent()[0]!.bytes);
    expect(station.delivered).toHaveLength(1);
  });

  it('gives up its own initiation for the one it answers', () => {
    station.addPeer(opponent.publicKey, { endpoint: opponent.endpoint });
    const [own] = station.takeSent();
    const { message } = opponent.answer(own!.bytes);
    station.receive(opponent.initiate().message, opponent.endpoint);
    expect(kinds()).toEqual(['response']);
    station.receive(message, opponent.endpoint);
    expect(station.drops()).toEqual({ unexpected_response: 1 });
  });
});

describe('routing', () => {
  it('follows the longest prefix out, and in', () => {
    const wide = opponent;
    const narrow = new Opponent(station.publicKey, 7);
    station.device.up(clock.now);
    station.addPeer(wide.publicKey, { endpoint: wide.endpoint, routes: '10.0.0.0/8 ::/0' });
    const wideSession = answer(wide);
    station.addPeer(narrow.publicKey, { endpoint: narrow.endpoint, routes: '10.1.0.0/16' });
    const narrowSession = answer(narrow);

    station.send(makePacket('10.0.0.2', '10.2.0.1'));
    expect(station.takeSent()[0]!.to).toBe(wide.endpoint);
    station.send(makePacket('10.0.0.2', '10.1.0.1'));
    expect(station.takeSent()[0]!.to).toBe(narrow.endpoint);
    station.send(makePacket('fd00::2', 'fd00::1'));
    expect(station.takeSent()[0]!.to).toBe(wide.endpoint);
    expect(station.send(makePacket('10.0.0.2', '192.0.2.1'))).toBe('no_peer');

    const fromNarrow = makePacket('10.1.0.1', '10.0.0.2');
    station.receive(narrow.seal(narrowSession, fromNarrow), narrow.endpoint);
    expect(station.delivered).toEqual([fromNarrow]);
    // The wide peer's prefix covers the address, but it belongs to the other.
    station.receive(wide.seal(wideSession, fromNarrow), wide.endpoint);
    expect(station.drops()).toEqual({ no_peer: 1, disallowed_source: 1 });
    expect(station.status().peers.map(({ drops }) => drops)).toEqual([{ disallowed_source: 1 }, {}]);
    expect(station.device.hasRoute(IpAddress.parse('10.1.2.3')!)).toBe(true);
    expect(station.device.hasRoute(IpAddress.parse('192.0.2.1')!)).toBe(false);

    station.device.removePeer(narrow.publicKey);
    station.send(makePacket('10.0.0.2', '10.1.0.1'));
    expect(station.takeSent()[0]!.to).toBe(wide.endpoint);
  });

  function answer(who: Opponent): Session {
    const { message, session } = who.answer(station.takeSent()[0]!.bytes);
    station.receive(message, who.endpoint);
    station.takeSent();
    return session;
  }

  it.each([
    ['nothing', new Uint8Array(0)],
    ['19 bytes', outgoing.slice(0, 19)],
    ['IPv6 of 39 bytes', makePacket('fd00::2', 'fd00::1', 40).slice(0, 39)],
    ['version 5', new Uint8Array(40).fill(0x50)],
  ])('refuses %s', (_name, packet) => {
    station.device.up(clock.now);
    station.addPeer(opponent.publicKey, { routes: '0.0.0.0/0 ::/0' });
    expect(station.send(packet)).toBe('bad_inner');
    expect(station.drops()).toEqual({ bad_inner: 1 });
  });

  it('refuses our own key as a peer, and a key that is there already', () => {
    expect(station.addPeer(station.publicKey)).toBeUndefined();
    expect(station.addPeer(opponent.publicKey)).toBeDefined();
    expect(station.addPeer(opponent.publicKey)).toBeUndefined();
    expect([...station.device.peers]).toHaveLength(1);
  });
});

describe('packets', () => {
  it('are padded with zeros to 16 bytes, but not past the MTU', () => {
    station = new Station(clock, { mtu: 100 });
    opponent = new Opponent(station.publicKey);
    station.addPeer(opponent.publicKey, { endpoint: opponent.endpoint });
    station.device.up(clock.now);
    const session = connect();
    for (const [size, padded] of [
      [20, 32],
      [81, 96],
      [97, 100],
      [100, 100],
    ]) {
      const packet = makePacket('10.0.0.2', '10.0.0.1', size);
      station.send(packet);
      const plaintext = opponent.open(session, station.takeSent()[0]!.bytes);
      expect(plaintext.length).toBe(padded);
      expect(plaintext.slice(0, size)).toEqual(packet);
      expect(plaintext.slice(size).every((byte) => byte === 0)).toBe(true);
    }
  });

  it('may be headers and nothing else', () => {
    station.addPeer(opponent.publicKey, { endpoint: opponent.endpoint, routes: '0.0.0.0/0 ::/0' });
    station.device.up(clock.now);
    const session = connect();
    for (const packet of [makePacket('10.0.0.1', '10.0.0.2', 20), makePacket('fd00::1', 'fd00::2', 40)]) {
      expect(station.send(packet)).toBe('sent');
      station.receive(opponent.seal(session, packet), opponent.endpoint);
      expect(station.delivered.at(-1)).toEqual(packet);
    }
  });

  it('that are too large for a slot cannot wait for a session', () => {
    station.addPeer(opponent.publicKey, { endpoint: opponent.endpoint });
    station.device.up(clock.now);
    expect(station.send(makePacket('10.0.0.2', '10.0.0.1', 2001))).toBe('too_large');
    expect(station.send(makePacket('10.0.0.2', '10.0.0.1', 2000))).toBe('staged');
    expect(station.drops()).toEqual({ too_large_to_stage: 1 });
    const { message, session } = opponent.answer(station.takeSent()[0]!.bytes);
    station.receive(message, opponent.endpoint);
    // Beyond the MTU, the last 580 bytes are padded to 592.
    expect(opponent.open(session, station.takeSent()[0]!.bytes)).toHaveLength(2012);
    expect(station.send(makePacket('10.0.0.2', '10.0.0.1', 9000))).toBe('sent');
  });

  it('wait in larger slots when the MTU needs it', () => {
    station = new Station(clock, { mtu: 9000 });
    opponent = new Opponent(station.publicKey);
    station.addPeer(opponent.publicKey, { endpoint: opponent.endpoint });
    station.device.up(clock.now);
    expect(station.send(makePacket('10.0.0.2', '10.0.0.1', 9000))).toBe('staged');
  });

  it('of many waiting peers share the slots; when none is left, the oldest of the same peer goes', () => {
    station = new Station(clock, { slotBytes: 16_384 + 256 + 3 * 2048 });
    station.device.up(clock.now);
    station.addPeer(opponent.publicKey, { endpoint: opponent.endpoint });
    station.addPeer(new Opponent(station.publicKey, 7).publicKey, {
      endpoint: elsewhere,
      routes: '10.7.0.0/16',
    });
    for (let n = 0; n < 5; n++) station.send(outgoing);
    expect(station.drops()).toEqual({ staged_overflow: 2 });
    expect(station.send(makePacket('10.0.0.2', '10.7.0.1'))).toBe('staged');
    expect(station.drops()).toEqual({ staged_overflow: 3 });
    expect(station.status().peers.map(({ drops }) => drops)).toEqual([
      { staged_overflow: 2 },
      { staged_overflow: 1 },
    ]);
  });
});

describe('the counter of a session', () => {
  /** A session of the station, and its keypair as the station's index table was given it. */
  function connectWatched() {
    const assign = vi.spyOn(IndexTable.prototype, 'assign');
    station.addPeer(opponent.publicKey, { endpoint: opponent.endpoint });
    station.device.up(clock.now);
    const session = connect();
    const keypair = assign.mock.calls.at(-1)![1];
    assign.mockRestore();
    return { session, keypair };
  }

  it('begins a new handshake beyond 2^60 and ends the session at its limit', () => {
    const { keypair } = connectWatched();
    clock.advance(6 * SECOND);
    keypair.counterHigh = 0x0fff_ffff;
    keypair.counterLow = 0xffff_ffff;
    station.send(outgoing);
    expect(kinds()).toEqual(['data']);
    // The counter is 2^60 now, and 2^60 + 1 after the next.
    station.send(outgoing);
    expect(kinds()).toEqual(['data', 'initiation']);
    keypair.counterHigh = 0xffff_ffff;
    keypair.counterLow = 0xffff_dffe;
    expect(station.send(outgoing)).toBe('sent');
    expect(station.send(outgoing)).toBe('staged');
    expect([keypair.counterHigh, keypair.counterLow]).toEqual([0xffff_ffff, 0xffff_dfff]);
  });

  it('carries into its upper half', () => {
    const { session, keypair } = connectWatched();
    keypair.counterLow = 0xffff_ffff;
    for (let n = 0; n < 2; n++) {
      station.send(outgoing);
      const { bytes } = station.takeSent()[0]!;
      expect(new DataView(bytes.buffer).getBigUint64(8, true)).toBe(0xffff_ffffn + BigInt(n));
      opponent.open(session, bytes);
    }
  });
});

describe('indices', () => {
  it('of initiations that were replaced are free again', () => {
    const allocate = vi.spyOn(IndexTable.prototype, 'allocate');
    const release = vi.spyOn(IndexTable.prototype, 'release');
    station.addPeer(opponent.publicKey, { endpoint: opponent.endpoint });
    station.device.up(clock.now);
    station.run(52 * SECOND);
    expect(kinds().length).toBeGreaterThan(8);
    expect(allocate.mock.calls.length - release.mock.calls.length).toBe(1);
    station.device.down();
    expect(allocate.mock.calls.length).toBe(release.mock.calls.length);
    expect(new Set(release.mock.calls.map(([index]) => index)).size).toBe(release.mock.calls.length);
    vi.restoreAllMocks();
  });

  it('are drawn again when they are 0 or taken, and read the same above 2^31', () => {
    const draws = [
      [0, 0, 0, 0],
      [0xff, 0, 0, 1],
      [0xff, 0, 0, 1],
      [0, 0, 0, 0],
      [0x7f, 0, 0, 2],
    ];
    const table = new IndexTable<string>((bytes) => bytes.set(draws.shift()!));
    expect(table.allocate('a')).toBe(0xff00_0001);
    expect(table.allocate('b')).toBe(0x7f00_0002);
    expect(draws).toEqual([]);
    expect(table.get(0xff00_0001)?.peer).toBe('a');
    expect(table.get(0xff00_0001 | 0)?.peer).toBe('a');
    table.release(0xff00_0001);
    expect(table.get(0xff00_0001)).toBeUndefined();
    expect(table.size).toBe(1);
  });
});

describe('a new outer address', () => {
  beforeEach(() => {
    station.addPeer(opponent.publicKey, { endpoint: opponent.endpoint });
    station.device.up(clock.now);
  });

  it('is shown at once to everyone with a session', () => {
    const session = connect();
    clock.advance(179 * SECOND);
    station.device.reconnected(clock.now);
    // Older than 120 s, so it is renewed by the way.
    const [keepalive, initiation] = station.takeSent();
    expect(opponent.open(session, keepalive!.bytes)).toEqual(new Uint8Array(0));
    expect(kindOf(initiation!)).toBe('initiation');
  });

  it('leads to an initiation where a handshake was under way', () => {
    station.run(6 * SECOND);
    expect(kinds()).toEqual(['initiation', 'initiation']);
    clock.advance(4.5 * SECOND);
    station.device.reconnected(clock.now);
    expect(kinds()).toEqual(['initiation']);
  });

  it('leads to nothing where nothing is wanted', () => {
    const session = connect();
    station.receive(opponent.seal(session), opponent.endpoint);
    for (let n = 0; n < 3; n++) station.run(100 * SECOND);
    station.device.reconnected(clock.now);
    expect(kinds()).toEqual([]);
  });
});

describe('a way that lets only handshakes through', () => {
  beforeEach(() => {
    station.addPeer(opponent.publicKey, { endpoint: opponent.endpoint });
    station.device.up(clock.now);
    connect();
  });

  it('is answered with one as soon as the last is five seconds old, not before', () => {
    station.run(3 * SECOND);
    station.takeSent();
    station.device.handshakeNeeded(opponent.endpoint, clock.now);
    station.run(1.9 * SECOND);
    expect(kinds()).toEqual([]);
    station.run(0.2 * SECOND);
    expect(kinds()).toEqual(['initiation']);
  });

  it('is answered with one at once when none was sent lately', () => {
    clock.advance(60 * SECOND);
    station.device.handshakeNeeded(opponent.endpoint, clock.now);
    expect(kinds()).toEqual(['initiation']);
  });

  it('does not matter to peers that are elsewhere', () => {
    clock.advance(60 * SECOND);
    station.device.handshakeNeeded(elsewhere, clock.now);
    expect(kinds()).toEqual([]);
  });
});

describe('with a private key out of reach', () => {
  let identity: SlowIdentity;

  beforeEach(() => {
    station = new Station(clock, { identity: (raw) => (identity = new SlowIdentity(raw)) });
    opponent = new Opponent(station.publicKey);
    station.device.up(clock.now);
  });

  function addPeer() {
    station.addPeer(opponent.publicKey, { endpoint: opponent.endpoint });
    identity.answer(clock.now);
    return station.takeSent();
  }

  it('a peer is called as soon as the answer is there', () => {
    station.addPeer(opponent.publicKey, { endpoint: opponent.endpoint });
    station.send(outgoing);
    expect(kinds()).toEqual([]);
    clock.advance(50);
    identity.answer(clock.now);
    expect(station.takeSent()).toMatchObject([{ at: clock.now }]);
  });

  it('both roles work, later', () => {
    const [initiation] = addPeer();
    const answer = opponent.answer(initiation!.bytes);
    station.receive(answer.message, opponent.endpoint);
    expect(kinds()).toEqual([]);
    identity.answer(clock.now);
    opponent.open(answer.session, station.takeSent()[0]!.bytes);

    const { message, sent } = opponent.initiate();
    station.receive(message, opponent.endpoint);
    identity.answer(clock.now);
    const session = opponent.complete(sent, station.takeSent()[0]!.bytes);
    station.receive(opponent.seal(session, incoming), opponent.endpoint);
    expect(station.delivered).toEqual([incoming]);
    expect(station.drops()).toEqual({});
  });

  it('a response is refused if a newer initiation went out before the answer came', () => {
    const [first] = addPeer();
    station.receive(opponent.answer(first!.bytes).message, opponent.endpoint);
    station.run(5 * SECOND);
    const [second] = station.takeSent();
    identity.answer(clock.now);
    expect(station.drops()).toEqual({ unexpected_response: 1 });
    station.receive(opponent.answer(second!.bytes).message, opponent.endpoint);
    identity.answer(clock.now);
    expect(kinds()).toEqual(['keepalive']);
  });

  it('the same response twice makes one session', () => {
    const [initiation] = addPeer();
    const { message } = opponent.answer(initiation!.bytes);
    station.receive(message, opponent.endpoint);
    station.receive(message, opponent.endpoint);
    identity.answer(clock.now);
    expect(kinds()).toEqual(['keepalive']);
    expect(station.drops()).toEqual({ unexpected_response: 1 });
    expect(station.crypto.keyCount).toBe(2);
  });

  it('the same initiation twice is answered once', () => {
    addPeer();
    const { message } = opponent.initiate();
    station.receive(message, opponent.endpoint);
    station.receive(message, opponent.endpoint);
    identity.answer(clock.now);
    expect(kinds()).toEqual(['response']);
    expect(station.drops()).toEqual({ replayed_initiation: 1 });
  });

  it('nothing happens for a peer that was removed, or a device that was closed, before the answer came', () => {
    const [initiation] = addPeer();
    const { message } = opponent.answer(initiation!.bytes);
    station.receive(message, opponent.endpoint);
    station.receive(opponent.initiate().message, opponent.endpoint);
    station.device.removePeer(opponent.publicKey);
    const answers = identity.waiting.splice(0);
    for (const answer of answers) answer(clock.now);
    expect(kinds()).toEqual([]);
    expect(station.drops()).toEqual({ unexpected_response: 1, unknown_peer: 1 });

    station.addPeer(opponent.publicKey, { endpoint: opponent.endpoint });
    station.receive(opponent.initiate().message, opponent.endpoint);
    const late = [...identity.waiting];
    station.device.close();
    for (const answer of late) answer(clock.now);
    expect(kinds()).toEqual([]);
    expect(station.drops()).toEqual({ unexpected_response: 1, unknown_peer: 1, device_down: 1 });
  });

  it('no more than 64 questions are open; other messages wait until they are answered', () => {
    addPeer();
    for (let n = 0; n < 70; n++) {
      station.receive(opponent.initiate().message, elsewhere);
      station.run(2);
    }
    expect(identity.waiting).toHaveLength(64);
    expect(station.pollAt()).toBeGreaterThan(clock.now + SECOND);
    identity.answer(clock.now);
    // One is answered, the others come within 20 ms of it.
    expect(kinds()).toEqual(['response']);
    expect(station.drops()).toEqual({ initiation_flood: 63 });
    expect(identity.waiting).toHaveLength(0);
    station.run(100);
    expect(identity.waiting).toHaveLength(6);
  });
});

describe('the end', () => {
  it('of a peer frees its indices and zeroes its keys', () => {
    station.addPeer(opponent.publicKey, { endpoint: opponent.endpoint });
    station.device.up(clock.now);
    const session = connect();
    station.device.removePeer(opponent.publicKey);
    expect(station.crypto.keyCount).toBe(0);
    expect(station.pollAt()).toBe(NEVER);
    station.receive(opponent.seal(session, incoming), opponent.endpoint);
    expect(station.send(outgoing)).toBe('no_peer');
    expect(station.drops()).toEqual({ unknown_index: 1, no_peer: 1 });
    expect(station.delivered).toEqual([]);
  });

  it('of sessions by down keeps counters and the greatest timestamp', () => {
    station.addPeer(opponent.publicKey, { endpoint: opponent.endpoint });
    station.device.up(clock.now);
    connect();
    const { message } = opponent.initiate();
    station.receive(message, opponent.endpoint);
    const before = station.status().peers[0]!;
    station.device.down();
    expect(station.crypto.keyCount).toBe(0);
    expect(station.pollAt()).toBe(NEVER);
    station.receive(message, opponent.endpoint);
    expect(station.drops()).toEqual({ device_down: 1 });
    clock.advance(SECOND);
    station.device.up(clock.now);
    station.receive(message, opponent.endpoint);
    expect(station.drops()).toEqual({ device_down: 1, replayed_initiation: 1 });
    expect(station.status().peers[0]).toMatchObject({
      rxBytes: before.rxBytes,
      latestHandshake: before.latestHandshake,
    });
  });

  it('of the device leaves no key, no packet and no deadline', () => {
    station.addPeer(opponent.publicKey, { endpoint: opponent.endpoint });
    station.device.up(clock.now);
    station.send(makePacket('10.0.0.2', '10.0.0.1', 500, 0xbb));
    const marked = () => station.crypto.memory.bytes.subarray(0, 1 << 19).includes(0xbb);
    expect(marked()).toBe(true);
    station.device.close();
    station.device.close();
    expect(marked()).toBe(false);
    expect(station.crypto.keyCount).toBe(0);
    expect(station.pollAt()).toBe(NEVER);
    expect(station.status().peers).toEqual([]);
    station.device.up(clock.now);
    expect(station.addPeer(opponent.publicKey)).toBeUndefined();
    expect(station.send(outgoing)).toBe('no_peer');
  });
});

describe('key slots', () => {
  it('that run out cost the session, not the device', () => {
    station.addPeer(opponent.publicKey, { endpoint: opponent.endpoint });
    station.device.up(clock.now);
    const refuse = vi.spyOn(station.crypto, 'importKey').mockReturnValue(undefined);
    station.receive(opponent.answer(station.takeSent()[0]!.bytes).message, opponent.endpoint);
    station.receive(opponent.initiate().message, opponent.endpoint);
    expect(kinds()).toEqual([]);
    expect(station.drops()).toEqual({ no_key_slot: 2 });
    // With room for one of the two, that one is given back.
    refuse.mockRestore();
    const real = station.crypto.importKey.bind(station.crypto);
    let left = 1;
    const one = vi
      .spyOn(station.crypto, 'importKey')
      .mockImplementation((key) => (left-- > 0 ? real(key) : undefined));
    clock.advance(SECOND);
    station.receive(opponent.initiate().message, opponent.endpoint);
    expect(station.drops()).toEqual({ no_key_slot: 3 });
    expect(station.crypto.keyCount).toBe(0);
    one.mockRestore();
    clock.advance(SECOND);
    station.receive(opponent.initiate().message, opponent.endpoint);
    expect(kinds()).toEqual(['response']);
  });
});

describe('status', () => {
  it('says what wg show says', () => {
    station.addPeer(opponent.publicKey, {
      endpoint: opponent.endpoint,
      routes: '10.1.2.3/8 fd00::/64 10.0.0.0/24',
      persistentKeepalive: 25,
    });
    expect(station.status()).toEqual({
      publicKey: toBase64(station.publicKey),
      drops: {},
      peers: [
        {
          publicKey: toBase64(opponent.publicKey),
          hasPresharedKey: false,
          endpoint: '192.0.2.1:51919',
          allowedIps: ['10.0.0.0/8', '10.0.0.0/24', 'fd00::/64'],
          latestHandshake: undefined,
          rxBytes: 0,
          txBytes: 0,
          persistentKeepalive: 25,
          hasSession: false,
          handshakeAttempts: 0,
          drops: {},
        },
      ],
    });
    station.device.up(clock.now);
    station.run(11 * SECOND);
    expect(station.status().peers[0]).toMatchObject({ handshakeAttempts: 3, txBytes: 3 * 148 });
  });

  it('gives the timestamp to be kept, and a new device goes on from it', () => {
    expect(station.device.lastTimestamp).toBeUndefined();
    clock.wall += 3_600_000;
    station.addPeer(opponent.publicKey, { endpoint: opponent.endpoint });
    station.device.up(clock.now);
    const first = opponent.read(station.takeSent()[0]!.bytes).timestamp;
    expect(station.device.lastTimestamp).toEqual(first);
    clock.wall -= 3_600_000;
    const again = new Station(clock, { lastTimestamp: first });
    again.addPeer(opponent.publicKey, { endpoint: opponent.endpoint });
    again.device.up(clock.now);
    expect(isLaterTimestamp(opponent.read(again.takeSent()[0]!.bytes).timestamp, first)).toBe(true);
  });
});
