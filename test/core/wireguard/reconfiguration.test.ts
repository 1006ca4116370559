// What may change while a device is up: our key, our MTU, a peer's allowed IPs, endpoint and persistent keepalive.
import { beforeEach, describe, expect, it } from 'vitest';
import { IpPrefix } from '../../../src/core/address.ts';
import { toBase64 } from '../../../src/core/bytes.ts';
import { RawIdentity } from '../../../src/core/crypto/identity.ts';
import type { Endpoint } from '../../../src/core/endpoint.ts';
import { SECOND } from '../../../src/core/time.ts';
import { isLaterTimestamp, timestampOf } from '../../../src/core/wireguard/tai64n.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { SeededRandom } from '../../support/random.ts';
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
  station.device.up(clock.now);
});

const kinds = () => station.takeSent().map(kindOf);

/** The station initiates, the opponent answers; everything sent so far is taken out. */
function connect(): Session {
  station.send(outgoing);
  const initiation = station.takeSent().find((sent) => kindOf(sent) === 'initiation')!;
  const { message, session } = opponent.answer(initiation.bytes);
  station.receive(message, opponent.endpoint);
  station.takeSent();
  return session;
}

function addPeer(persistentKeepalive = 0) {
  const peer = station.addPeer(opponent.publicKey, { persistentKeepalive })!;
  peer.setEndpoint(opponent.endpoint);
  return peer;
}

const hear = (session: Session, plaintext = incoming) =>
  station.receive(opponent.seal(session, plaintext), opponent.endpoint);

describe('a new private key', () => {
  const newIdentity = (seed = 77) => new RawIdentity(new SeededRandom(seed).bytes(32), station.crypto);

  it('that is the one we have changes nothing, and the copy is wiped', () => {
    addPeer();
    const session = connect();
    const copy = new SlowIdentity(new RawIdentity(station.privateKey, station.crypto));
    const dhs = station.crypto.dhCount;
    station.device.setIdentity(copy, clock.now);
    expect(copy.isDestroyed).toBe(true);
    station.device.setIdentity(station.identity, clock.now);
    expect(station.crypto.dhCount).toBe(dhs);
    expect(station.send(outgoing)).toBe('sent');
    expect(opponent.open(session, station.takeSent()[0]!.bytes).length).toBe(96);
    hear(session);
    expect(station.delivered).toHaveLength(1);
    // The key itself was not wiped: it still answers.
    const { message, sent } = opponent.initiate();
    station.receive(message, opponent.endpoint);
    opponent.complete(sent, station.takeSent()[0]!.bytes);
  });

  it('lets sessions receive until they age out, and begins a new one with the next packet', () => {
    addPeer();
    const session = connect();
    station.device.setIdentity(newIdentity(), clock.now);
    expect(station.takeSent()).toEqual([]);
    expect(station.status().peers[0]!.hasSession).toBe(false);
    clock.advance(100);
    hear(session);
    expect(station.delivered).toHaveLength(1);

    const after = new Opponent(newIdentity().publicKey);
    expect(toBase64(after.publicKey)).toBe(toBase64(opponent.publicKey));
    // Although the last initiation is not five seconds old.
    expect(station.send(outgoing)).toBe('staged');
    const [initiation] = station.takeSent();
    expect(() => opponent.read(initiation!.bytes)).toThrow();
    const { message, session: fresh } = after.answer(initiation!.bytes);
    station.receive(message, opponent.endpoint);
    expect(after.open(fresh, station.takeSent()[0]!.bytes).length).toBe(96);
    hear(session);
    expect(station.delivered).toHaveLength(2);
    clock.advance(181 * SECOND);
    hear(session);
    expect(station.delivered).toHaveLength(2);
  });

  it('also ends sending on a session that was on offer', () => {
    addPeer();
    const { message, sent } = opponent.initiate();
    station.receive(message, opponent.endpoint);
    const session = opponent.complete(sent, station.takeSent()[0]!.bytes);
    station.device.setIdentity(newIdentity(), clock.now);
    hear(session);
    expect(station.delivered).toHaveLength(1);
    expect(station.send(outgoing)).toBe('staged');
    expect(kinds()).toEqual(['initiation']);
  });

  it('drops the initiation in flight and makes another one, if it is wanted', () => {
    addPeer();
    station.send(outgoing);
    const [first] = station.takeSent();
    const answer = opponent.answer(first!.bytes);
    station.device.setIdentity(newIdentity(), clock.now);
    const [second] = station.takeSent();
    const after = new Opponent(newIdentity().publicKey);
    after.stamp(answer.message);
    station.receive(answer.message, opponent.endpoint);
    expect(station.drops()).toEqual({ unexpected_response: 1 });
    const { message, session } = after.answer(second!.bytes);
    station.receive(message, opponent.endpoint);
    expect(after.open(session, station.takeSent()[0]!.bytes).length).toBe(96);
  });

  it('is the one that others must prove to know', () => {
    addPeer();
    station.device.setIdentity(newIdentity(), clock.now);
    station.receive(opponent.initiate().message, opponent.endpoint);
    expect(station.drops()).toEqual({ bad_mac1: 1 });
    const after = new Opponent(newIdentity().publicKey);
    const { message, sent } = after.initiate();
    station.receive(message, opponent.endpoint);
    after.complete(sent, station.takeSent()[0]!.bytes);
    expect(station.status().publicKey).toBe(toBase64(newIdentity().publicKey));
  });

  it('removes the peer that has it', () => {
    addPeer();
    const twin = newIdentity();
    station.addPeer(twin.publicKey, { routes: '10.9.0.0/16' });
    station.device.setIdentity(twin, clock.now);
    expect(station.status().peers.map(({ publicKey }) => publicKey)).toEqual([toBase64(opponent.publicKey)]);
    expect(station.send(makePacket('10.0.0.2', '10.9.0.1'))).toBe('staged');
    expect(station.addPeer(twin.publicKey)).toBeUndefined();
    expect(station.addPeer(station.publicKey, { routes: '' })).toBeDefined();
  });

  it('wipes the old one, whose late answers count for nothing', () => {
    const slow = new SlowIdentity(new RawIdentity(new SeededRandom(5).bytes(32), station.crypto));
    station.device.setIdentity(slow, clock.now);
    addPeer();
    slow.answer(clock.now);
    const caller = new Opponent(slow.publicKey);
    station.receive(caller.initiate().message, elsewhere);
    station.addPeer(caller.ephemeral(), { routes: '' });
    const late = slow.waiting.splice(0);
    expect(late).toHaveLength(2);

    station.device.setIdentity(newIdentity(), clock.now);
    expect(slow.isDestroyed).toBe(true);
    for (const answer of late) answer(clock.now);
    expect(station.takeSent()).toEqual([]);
    expect(station.drops()).toEqual({ identity_changed: 1 });
    // The peers know each other by the new key, not by what came late.
    const after = new Opponent(newIdentity().publicKey);
    const { message, sent } = after.initiate();
    station.receive(message, opponent.endpoint);
    after.complete(sent, station.takeSent()[0]!.bytes);
  });

  it('need not wait for what the old one had still to answer', () => {
    const slow = new SlowIdentity(new RawIdentity(new SeededRandom(5).bytes(32), station.crypto));
    station.device.setIdentity(slow, clock.now);
    const caller = new Opponent(slow.publicKey);
    for (let n = 0; n < 70; n++) {
      station.receive(caller.initiate().message, elsewhere);
      station.run(2);
    }
    expect(slow.waiting).toHaveLength(64);
    station.device.setIdentity(newIdentity(), clock.now);
    expect(station.drops()).toEqual({ identity_changed: 70 });
    addPeer();
    station.run(100);
    station.receive(new Opponent(newIdentity().publicKey).initiate().message, opponent.endpoint);
    expect(kinds()).toEqual(['response']);
  });

  it('goes on from the greatest timestamp that it was used with, and never back', () => {
    addPeer();
    const far = timestampOf(2_000_000_000, 0);
    station.device.setIdentity(newIdentity(), clock.now, far);
    expect(station.device.lastTimestamp).toEqual(far);
    station.device.setIdentity(newIdentity(78), clock.now, timestampOf(1_900_000_000, 0));
    station.send(outgoing);
    const after = new Opponent(newIdentity(78).publicKey);
    expect(isLaterTimestamp(after.read(station.takeSent()[0]!.bytes).timestamp, far)).toBe(true);
  });

  it('of a device that is closed is only wiped', () => {
    const slow = new SlowIdentity(newIdentity());
    station.device.close();
    station.device.setIdentity(slow, clock.now);
    expect(slow.isDestroyed).toBe(true);
  });
});

describe('allowed IPs', () => {
  const prefixes = (text: string) => text.split(' ').map((each) => IpPrefix.parse(each)!);

  it('are replaced as a whole, and sessions go on', () => {
    addPeer();
    const session = connect();
    station.device.setAllowedIps(opponent.publicKey, prefixes('10.0.1.0/24 fd00::/64'));
    expect(station.status().peers[0]!.allowedIps).toEqual(['10.0.1.0/24', 'fd00::/64']);
    expect(station.send(outgoing)).toBe('no_peer');
    hear(session);
    expect(station.drops()).toEqual({ no_peer: 1, disallowed_source: 1 });
    expect(station.send(makePacket('10.0.0.2', '10.0.1.7'))).toBe('sent');
    hear(session, makePacket('fd00::1', 'fd00::2'));
    expect(station.delivered).toHaveLength(1);
  });

  it('move from the peer that had them, and what another peer has is not lost', () => {
    addPeer();
    const other = new Opponent(station.publicKey, 8);
    station.addPeer(other.publicKey, { routes: '10.1.0.0/16 10.2.0.0/16' });
    const owned = () => station.status().peers.map(({ allowedIps }) => allowedIps.join(' '));
    station.device.setAllowedIps(opponent.publicKey, prefixes('10.0.0.0/8 10.1.0.0/16'));
    expect(owned()).toEqual(['10.0.0.0/8 10.1.0.0/16', '10.2.0.0/16']);
    // The other takes it back; the first one's next list does not have it and must not take it away.
    station.device.setAllowedIps(other.publicKey, prefixes('10.1.0.0/16'));
    station.device.setAllowedIps(opponent.publicKey, prefixes('10.0.0.0/8'));
    expect(owned()).toEqual(['10.0.0.0/8', '10.1.0.0/16']);
  });

  it('of nobody are nothing', () => {
    station.device.setAllowedIps(opponent.publicKey, prefixes('10.0.0.0/8'));
    expect(station.send(outgoing)).toBe('no_peer');
  });
});

describe('the MTU', () => {
  const numbered = (mark: number, size = 84) => makePacket('10.0.0.2', '10.0.0.1', size, mark);

  /** The plaintexts of what is sent once there is a session. */
  function release(): Uint8Array[] {
    const initiation = station.takeSent().find((sent) => kindOf(sent) === 'initiation')!;
    const { message, session } = opponent.answer(initiation.bytes);
    station.receive(message, opponent.endpoint);
    return station.takeSent().map(({ bytes }) => opponent.open(session, bytes));
  }

  it('decides on the padding from now on', () => {
    addPeer();
    const session = connect();
    const size = () => {
      station.send(makePacket('10.0.0.2', '10.0.0.1', 1300));
      return opponent.open(session, station.takeSent()[0]!.bytes).length;
    };
    expect(size()).toBe(1312);
    station.device.setMtu(1300);
    expect(size()).toBe(1300);
    station.device.setMtu(1305);
    expect(size()).toBe(1305);
  });

  it('that grows beyond the slots leaves what is staged where it was, in order', () => {
    addPeer();
    for (let n = 1; n <= 5; n++) station.send(numbered(n));
    station.device.setMtu(9000);
    expect(station.send(numbered(6, 9000))).toBe('staged');
    const packets = release();
    expect(packets.map((packet) => packet[40])).toEqual([1, 2, 3, 4, 5, 6]);
    expect(packets.at(-1)).toHaveLength(9000);
    expect(station.drops()).toEqual({});
  });

  it('that shrinks drops what no longer fits, and counts it', () => {
    station.device.setMtu(9000);
    addPeer();
    for (let n = 1; n <= 5; n++) station.send(numbered(n, n % 2 === 0 ? 9000 : 1500));
    station.device.setMtu(1280);
    expect(station.drops()).toEqual({ too_large_to_stage: 2 });
    expect(release().map((packet) => packet[40])).toEqual([1, 3, 5]);
  });

  it('that leaves too few slots drops the oldest of each peer, and counts them', () => {
    station = new Station(clock, { slotBytes: (1 << 14) + 256 + 20 * 2048 });
    opponent = new Opponent(station.publicKey);
    station.device.up(clock.now);
    addPeer();
    for (let n = 1; n <= 20; n++) station.send(numbered(n));
    station.device.setMtu(9000);
    // 40,960 bytes are four slots of 9056.
    expect(station.drops()).toEqual({ staged_overflow: 16 });
    expect(release().map((packet) => packet[40])).toEqual([17, 18, 19, 20]);
  });
});

describe('an endpoint', () => {
  it('that a configuration does not name stays what was learned', () => {
    const peer = addPeer();
    const session = connect();
    station.receive(opponent.seal(session), elsewhere);
    peer.setEndpoint(undefined);
    station.send(outgoing);
    expect(station.takeSent()[0]!.to).toBe(elsewhere);
    peer.setEndpoint(opponent.endpoint);
    station.send(outgoing);
    expect(station.takeSent()[0]!.to).toBe(opponent.endpoint);
  });
});

describe('a persistent keepalive', () => {
  it('whose interval changes goes on in silence', () => {
    const peer = addPeer(25);
    hear(connect(), new Uint8Array(0));
    station.run(10 * SECOND);
    peer.setPersistentKeepalive(20, clock.now);
    const start = clock.now;
    station.runUntil(start + 19_999);
    expect(kinds()).toEqual([]);
    station.runUntil(start + 20_001);
    expect(kinds()).toEqual(['keepalive']);
    // The same again is no change.
    station.run(19 * SECOND);
    peer.setPersistentKeepalive(20, clock.now);
    station.run(1001);
    expect(kinds()).toEqual(['keepalive']);
  });

  it('begins by itself when its peer gets an endpoint', () => {
    const peer = station.addPeer(opponent.publicKey, { persistentKeepalive: 5 })!;
    station.run(12 * SECOND);
    expect(kinds()).toEqual([]);
    peer.setEndpoint(opponent.endpoint);
    station.run(5 * SECOND);
    expect(kinds()).toEqual(['initiation']);
  });
});

describe('a peer that is no longer heard', () => {
  it('is reported when its session was not due to be renewed', () => {
    addPeer();
    const session = connect();
    clock.advance(5 * SECOND);
    hear(session, new Uint8Array(0));
    station.send(outgoing);
    station.run(14_999);
    expect(station.count('stopped-hearing')).toBe(0);
    station.run(2);
    const [event] = station.events.filter(({ type }) => type === 'stopped-hearing');
    expect(event).toMatchObject({ publicKey: opponent.publicKey });
    expect((event as { sessionAge: number }).sessionAge).toBeCloseTo(20 * SECOND, 0);
    expect(kinds()).toContain('initiation');
  });

  it.each([
    [104.999, 1],
    [105, 0],
  ])(
    'and %d s after the session began sends the first packet that is not answered: %d reports',
    (at, count) => {
      clock.moveTo(Math.ceil(clock.now));
      addPeer();
      const session = connect();
      const start = clock.now;
      clock.moveTo(start + 5 * SECOND);
      hear(session, new Uint8Array(0));
      clock.moveTo(start + at * SECOND);
      station.send(outgoing);
      station.runUntil(start + (at + 15) * SECOND);
      expect(station.count('stopped-hearing')).toBe(count);
    },
  );

  it('is not when the session was old, or our key is new', () => {
    addPeer();
    const session = connect();
    clock.advance(5 * SECOND);
    hear(session, new Uint8Array(0));
    clock.advance(100.001 * SECOND);
    station.send(outgoing);
    station.run(16 * SECOND);
    expect(station.count('stopped-hearing')).toBe(0);

    connect();
    station.send(outgoing);
    station.device.setIdentity(new RawIdentity(new SeededRandom(1234).bytes(32), station.crypto), clock.now);
    station.run(16 * SECOND);
    expect(station.count('stopped-hearing')).toBe(0);
  });
});

describe('a wall clock that cannot be right', () => {
  it('is reported once, and not followed', () => {
    addPeer();
    clock.wall = 0;
    station.send(outgoing);
    station.run(11 * SECOND);
    expect(kinds()).toHaveLength(3);
    expect(station.events.filter(({ type }) => type === 'clock-suspect')).toEqual([
      { type: 'clock-suspect', wall: 0 },
    ]);
  });
});
