// What a hostile network may send, and that nothing comes of it but a count with the right reason. After each case the
// live session still carries packets in both directions.
import { beforeEach, describe, expect, it } from 'vitest';
import type { Endpoint } from '../../../src/core/endpoint.ts';
import { SECOND } from '../../../src/core/time.ts';
import { createInitiation } from '../../../src/core/wireguard/handshake.ts';
import { timestampOf } from '../../../src/core/wireguard/tai64n.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { fromHex } from '../../support/hex.ts';
import { SeededRandom } from '../../support/random.ts';
import { readVectors, type Wycheproof, type X25519Vector } from '../../support/vectors.ts';
import type { HandshakeVectors } from './handshake-vectors.ts';
import { Opponent, type Session } from './opponent.ts';
import { kindOf, makePacket, Station } from './station.ts';

const outgoing = makePacket('10.0.0.2', '10.0.0.1');
const incoming = makePacket('10.0.0.1', '10.0.0.2');
const elsewhere: Endpoint = { host: '203.0.113.9', port: 9 };

let clock: FakeClock;
let station: Station;
let opponent: Opponent;
let session: Session;

beforeEach(() => {
  clock = new FakeClock();
  station = new Station(clock);
  opponent = new Opponent(station.publicKey);
  station.device.up(clock.now);
  station.addPeer(opponent.publicKey, { endpoint: opponent.endpoint });
  session = answerInitiation();
  clock.advance(SECOND);
});

function answerInitiation(): Session {
  const initiation = station.takeSent().find((sent) => kindOf(sent) === 'initiation')!;
  const answer = opponent.answer(initiation.bytes);
  station.receive(answer.message, opponent.endpoint);
  station.takeSent();
  return answer.session;
}

/** Makes the station initiate although it has a session: it is too old. */
function provokeInitiation(): Uint8Array {
  clock.advance(170 * SECOND);
  clock.advance(20 * SECOND);
  station.send(outgoing);
  return station.takeSent()[0]!.bytes;
}

/** Both directions of the live session. */
function expectAlive(live: Session): void {
  const before = station.delivered.length;
  station.receive(opponent.seal(live, incoming), opponent.endpoint);
  expect(station.delivered.length, 'inbound packet').toBe(before + 1);
  expect(station.send(outgoing)).toBe('sent');
  const [datagram] = station.takeSent();
  expect(opponent.open(live, datagram!.bytes).slice(0, outgoing.length)).toEqual(outgoing);
}

/** The datagram is refused for this reason, nothing is answered, the endpoint stays and the session lives. */
function expectDropped(datagram: Uint8Array, reason: string, live: Session | null = session): void {
  const before = station.status();
  const dhBefore = station.crypto.dhCount;
  station.receive(datagram, elsewhere);
  const after = station.status();
  expect(after.drops).toEqual({ ...before.drops, [reason]: (before.drops[reason] ?? 0) + 1 });
  expect(station.takeSent()).toEqual([]);
  expect(after.peers.map(({ endpoint, rxBytes }) => ({ endpoint, rxBytes }))).toEqual(
    before.peers.map(({ endpoint, rxBytes }) => ({ endpoint, rxBytes })),
  );
  expect(station.crypto.dhCount - dhBefore, 'DHs').toBeLessThanOrEqual(2);
  if (live) expectAlive(live);
}

function expectAnswered(initiation: Uint8Array): Uint8Array {
  station.receive(initiation, opponent.endpoint);
  const [response] = station.takeSent();
  expect(response && kindOf(response)).toBe('response');
  return response!.bytes;
}

describe('malformed datagrams', () => {
  it.each([0, 1, 2, 3])('of %d bytes', (size) => {
    expectDropped(new Uint8Array(size).fill(4), 'malformed');
  });

  it.each([0, 5, 0xff])('of type %d', (type) => {
    for (const size of [64, 92, 148, 200]) {
      const datagram = new Uint8Array(size);
      datagram[0] = type;
      expectDropped(datagram, 'malformed');
    }
  });

  it('an initiation that calls itself a response', () => {
    const { message } = opponent.initiate();
    message[0] = 2;
    expectDropped(message, 'malformed');
  });

  it('an initiation that calls itself transport', () => {
    const { message } = opponent.initiate();
    message[0] = 4;
    expectDropped(message, 'unknown_index');
  });

  it.each([1, 2, 3])('an initiation with reserved byte %d set', (at) => {
    const { message } = opponent.initiate();
    message[at] = 1;
    expectDropped(opponent.stamp(message), 'malformed');
  });

  it.each([
    ['initiation', 1, [147, 149]],
    ['response', 2, [91, 93]],
    ['cookie reply', 3, [63, 65]],
    ['transport', 4, [16, 31]],
  ] as const)('%s of the wrong length', (_name, type, sizes) => {
    for (const size of sizes) {
      const datagram = new Uint8Array(size);
      datagram[0] = type;
      expectDropped(datagram, 'malformed');
    }
  });
});

describe('initiations', () => {
  it('with one bit of mac1 wrong cost no DH', () => {
    const { message } = opponent.initiate();
    const before = station.crypto.dhCount;
    for (let bit = 0; bit < 128; bit++) {
      const altered = message.slice();
      altered[116 + (bit >> 3)]! ^= 1 << (bit & 7);
      station.receive(altered, elsewhere);
    }
    expect(station.drops()).toEqual({ bad_mac1: 128 });
    expect(station.crypto.dhCount).toBe(before);
    expectAlive(session);
  });

  it('with a right mac1 and a random rest cost one DH', () => {
    const message = new SeededRandom(3).bytes(148);
    message.set([1, 0, 0, 0]);
    const before = station.crypto.dhCount;
    expectDropped(opponent.stamp(message), 'bad_static');
    expect(station.crypto.dhCount).toBe(before + 1);
  });

  it('with one bit of the static key wrong', () => {
    const { message } = opponent.initiate();
    message[40]! ^= 1;
    expectDropped(opponent.stamp(message), 'bad_static');
  });

  it('with one bit of the timestamp wrong, which does not count as seen', () => {
    const { message } = opponent.initiate();
    const altered = message.slice();
    altered[115]! ^= 1;
    expectDropped(opponent.stamp(altered), 'bad_timestamp');
    expectAnswered(message);
  });

  it('from an unknown key', () => {
    expectDropped(new Opponent(station.publicKey, 7).initiate().message, 'unknown_peer');
  });

  it('from a peer that was removed', () => {
    station.device.removePeer(opponent.publicKey);
    expectDropped(opponent.initiate().message, 'unknown_peer', null);
  });

  it('with an ephemeral of low order', () => {
    const vectors = readVectors<Wycheproof<X25519Vector>>('x25519_test.json');
    const lowOrder = new Set(
      vectors.testGroups
        .flatMap(({ tests }) => tests)
        .filter(({ flags }) => flags.includes('ZeroSharedSecret'))
        .map((vector) => vector.public),
    );
    lowOrder.add('00'.repeat(32));
    expect(lowOrder.size).toBeGreaterThanOrEqual(14);
    for (const hex of lowOrder) {
      const { message } = opponent.initiate();
      message.set(fromHex(hex), 8);
      expectDropped(opponent.stamp(message), 'bad_static');
    }
  });

  it('that were seen before', () => {
    const { message } = opponent.initiate();
    expectAnswered(message);
    clock.advance(SECOND);
    expectDropped(message, 'replayed_initiation');
  });

  it('with an older or equal timestamp', () => {
    const seconds = opponent.seconds + 100;
    expectAnswered(opponent.initiate(timestampOf(seconds, 0)).message);
    clock.advance(SECOND);
    expectDropped(opponent.initiate(timestampOf(seconds - 1, 999_999_999)).message, 'replayed_initiation');
    expectDropped(opponent.initiate(timestampOf(seconds, 0)).message, 'replayed_initiation');
    expectAnswered(opponent.initiate(timestampOf(seconds, 1 << 24)).message);
  });

  it('that follow each other within 20 ms', () => {
    // A whole number, so that 20 ms later is 20 ms later to the last bit.
    clock.moveTo(Math.ceil(clock.now));
    expectAnswered(opponent.initiate().message);
    const answered = clock.now;
    clock.moveTo(answered + 19.9);
    expectDropped(opponent.initiate().message, 'initiation_flood');
    clock.moveTo(answered + 20);
    expectDropped(opponent.initiate().message, 'initiation_flood');
    clock.moveTo(answered + 20.1);
    expectAnswered(opponent.initiate().message);
  });

  it('with the last of all timestamps burn the key until the peer is removed and added again', () => {
    expectAnswered(opponent.initiate(new Uint8Array(12).fill(255)).message);
    clock.advance(SECOND);
    expectDropped(opponent.initiate().message, 'replayed_initiation');
    station.device.removePeer(opponent.publicKey);
    station.addPeer(opponent.publicKey);
    station.takeSent();
    expectAnswered(opponent.initiate().message);
  });

  it('of our own, reflected', () => {
    expectDropped(provokeInitiation(), 'bad_mac1', null);
  });

  it('for another device', () => {
    const other = new Opponent(opponent.publicKey, 5);
    expectDropped(other.initiate().message, 'bad_mac1');
  });
});

describe('responses', () => {
  it('with an unknown receiver index', () => {
    const { message } = opponent.answer(provokeInitiation());
    message[8]! ^= 1;
    expectDropped(opponent.stamp(message), 'unexpected_response', null);
  });

  it("with a session's index", () => {
    const message = new SeededRandom(3).bytes(92);
    message.set([2, 0, 0, 0]);
    new DataView(message.buffer).setUint32(8, session.remoteIndex, true);
    expectDropped(opponent.stamp(message), 'unexpected_response');
  });

  it('that do not open change nothing: the good one still comes through', () => {
    const initiation = provokeInitiation();
    const { message, session: renewed } = opponent.answer(initiation);
    const tag = message.slice();
    tag[59]! ^= 1;
    expectDropped(opponent.stamp(tag), 'bad_response', null);
    expect(station.count('psk-mismatch')).toBe(1);
    const mac = message.slice();
    mac[60]! ^= 1;
    expectDropped(mac, 'bad_mac1', null);
    opponent.presharedKey.fill(9);
    expectDropped(opponent.answer(initiation).message, 'bad_response', null);
    expect(station.count('psk-mismatch')).toBe(2);
    opponent.presharedKey.fill(0);
    station.receive(message, opponent.endpoint);
    expect(opponent.open(renewed, station.takeSent()[0]!.bytes).slice(0, 84)).toEqual(outgoing);
    expectAlive(renewed);
    expectDropped(message, 'unexpected_response', renewed);
  });

  it('with an ephemeral key of zeros', () => {
    const { message } = opponent.answer(provokeInitiation());
    message.fill(0, 12, 44);
    expectDropped(opponent.stamp(message), 'bad_response', null);
    expect(station.count('psk-mismatch')).toBe(0);
  });

  it('to an older try', () => {
    const first = provokeInitiation();
    station.run(5 * SECOND);
    const second = station.takeSent()[0]!.bytes;
    expectDropped(opponent.answer(first).message, 'unexpected_response', null);
    const answer = opponent.answer(second);
    station.receive(answer.message, opponent.endpoint);
    station.takeSent();
    expectAlive(answer.session);
  });

  it('that come after we answered the same peer', () => {
    const late = opponent.answer(provokeInitiation());
    const { message, sent } = opponent.initiate();
    const renewed = opponent.complete(sent, expectAnswered(message));
    expectDropped(late.message, 'unexpected_response', null);
    station.receive(opponent.seal(renewed), opponent.endpoint);
    station.takeSent();
    expectAlive(renewed);
  });

  it("from one peer to another's initiation", () => {
    const other = new Opponent(station.publicKey, 7);
    station.addPeer(other.publicKey, { endpoint: other.endpoint, routes: '10.7.0.0/16' });
    const toOther = station.takeSent()[0]!.bytes;
    const toOpponent = provokeInitiation();
    const { message } = other.answer(toOther);
    message.set(toOpponent.slice(4, 8), 8);
    expectDropped(other.stamp(message), 'bad_response', null);
  });
});

describe('cookie replies', () => {
  const { cases, cookie_cases } = readVectors<HandshakeVectors>('handshake.json');

  it('for an unknown index', () => {
    const message = new Uint8Array(64);
    message[0] = 3;
    expectDropped(message, 'unexpected_cookie');
  });

  it('that do not open', () => {
    const message = new Uint8Array(64);
    message[0] = 3;
    new DataView(message.buffer).setUint32(4, session.remoteIndex, true);
    expectDropped(message, 'bad_cookie');
  });

  it('are stored even from a foreign address; nothing is sent, nothing moves, and the retry has mac2', () => {
    const initiation = provokeInitiation();
    const { message, mac2 } = makeCookieReply(initiation);
    const before = station.status();
    station.receive(message, elsewhere);
    expect(station.takeSent()).toEqual([]);
    expect(station.status()).toEqual(before);
    // A second one about the same message is not taken.
    expectDropped(message, 'unexpected_cookie', null);
    station.run(5 * SECOND);
    const retry = station.takeSent()[0]!.bytes;
    expect(retry.slice(132)).toEqual(mac2(retry));
  });

  it('are forgotten when our address changes', () => {
    station.receive(makeCookieReply(provokeInitiation()).message, elsewhere);
    station.device.reconnected(clock.now);
    station.run(5 * SECOND);
    expect(station.takeSent()[0]!.bytes.slice(132)).toEqual(new Uint8Array(16));
  });

  /** What a loaded opponent answers. */
  function makeCookieReply(initiation: Uint8Array) {
    expect(cases.length + cookie_cases.length).toBe(5);
    const { crypto, publicKey } = opponent;
    const cookie = new Uint8Array(16).fill(0xc0);
    const nonce = new Uint8Array(24).fill(1);
    const key = crypto.hash(new TextEncoder().encode('cookie--'), publicKey);
    const message = new Uint8Array(64);
    message.set([3, 0, 0, 0, ...initiation.slice(4, 8), ...nonce]);
    message.set(crypto.xSealBytes(key, nonce, cookie, initiation.slice(116, 132)), 32);
    return { message, mac2: (retry: Uint8Array) => crypto.mac(cookie, retry.slice(0, 132)) };
  }
});

describe('transport messages', () => {
  it('with an unknown index', () => {
    const datagram = opponent.seal(session, incoming);
    datagram[4]! ^= 1;
    expectDropped(datagram, 'unknown_index');
  });

  it("with a handshake's index", () => {
    const initiation = provokeInitiation();
    const datagram = opponent.seal(session, incoming);
    datagram.set(initiation.slice(4, 8), 4);
    expectDropped(datagram, 'unknown_index', null);
  });

  it('with one bit of the tag wrong do not use the counter up', () => {
    const datagram = opponent.seal(session, incoming, 1000n);
    const altered = datagram.slice();
    altered[altered.length - 1]! ^= 1;
    expectDropped(altered, 'bad_tag');
    station.receive(datagram, opponent.endpoint);
    expect(station.delivered).toHaveLength(2);
  });

  it('are delivered once', () => {
    const datagram = opponent.seal(session, incoming);
    station.receive(datagram, opponent.endpoint);
    expectDropped(datagram, 'replay');
    expect(station.delivered).toHaveLength(2);
  });

  it('may be 8128 behind the newest and no more', () => {
    station.receive(opponent.seal(session, incoming, 10_000n), opponent.endpoint);
    station.receive(opponent.seal(session, incoming, 10_000n - 8128n), opponent.endpoint);
    expect(station.delivered).toHaveLength(2);
    expectDropped(opponent.seal(session, incoming, 10_000n - 8129n), 'replay', null);
  });

  it('may jump ahead by 2^40, but not back', () => {
    station.receive(opponent.seal(session, incoming, 2n ** 40n), opponent.endpoint);
    expect(station.delivered).toHaveLength(1);
    expectDropped(opponent.seal(session, incoming, 5n), 'replay', null);
  });

  it('end below the counter limit', () => {
    const limit = 2n ** 64n - 2n ** 13n - 1n;
    station.receive(opponent.seal(session, incoming, limit - 1n), opponent.endpoint);
    expect(station.delivered).toHaveLength(1);
    expectDropped(opponent.seal(session, incoming, limit), 'counter_limit', null);
    expectDropped(opponent.seal(session, incoming, 2n ** 64n - 1n), 'counter_limit', null);
  });

  it('on a key that is 181 s old', () => {
    clock.advance(100 * SECOND);
    expectAlive(session);
    clock.advance(80 * SECOND);
    expectDropped(opponent.seal(session, incoming), 'expired_session', null);
  });

  it('of a new address move the endpoint if they are authentic, and only then', () => {
    const forged = opponent.seal(session, incoming);
    forged[20]! ^= 1;
    expectDropped(forged, 'bad_tag');
    station.receive(opponent.seal(session, incoming), elsewhere);
    expect(station.status().peers[0]!.endpoint).toBe('203.0.113.9:9');
    expect(station.events.at(-1)).toMatchObject({ type: 'roamed', endpoint: elsewhere });
    station.send(outgoing);
    expect(station.takeSent()[0]!.to).toBe(elsewhere);
  });

  it.each([
    ['from a source that is nobody’s', '192.0.2.77'],
    ['from a source of another peer', '10.7.1.1'],
    ['from an IPv6 source that is nobody’s', 'fd77::1'],
  ])('%s: not delivered, though authentic', (_name, source) => {
    const other = new Opponent(station.publicKey, 7);
    station.addPeer(other.publicKey, { routes: '10.7.0.0/16' });
    const packet = makePacket(source, source.includes(':') ? 'fd77::2' : '10.0.0.2');
    station.receive(opponent.seal(session, packet), elsewhere);
    expect(station.drops()).toEqual({ disallowed_source: 1 });
    expect(station.delivered).toEqual([]);
    expect(station.status().peers[0]!.endpoint).toBe('203.0.113.9:9');
    expectAlive(session);
  });

  it('that are empty are keepalives: not delivered, not answered', () => {
    station.receive(opponent.seal(session), opponent.endpoint);
    expect(station.delivered).toEqual([]);
    expect(station.takeSent()).toEqual([]);
    expect(station.drops()).toEqual({});
  });

  const inner = (bytes: number[], size = bytes.length) => {
    const packet = new Uint8Array(size);
    packet.set(bytes);
    return packet;
  };
  const withLength = (length: number, size = 40) => {
    const packet = makePacket('10.0.0.1', '10.0.0.2', size);
    new DataView(packet.buffer).setUint16(2, length);
    return packet;
  };
  it.each([
    ['one byte', inner([0x45])],
    ['IPv4 of 19 bytes', makePacket('10.0.0.1', '10.0.0.2', 20).slice(0, 19)],
    ['IPv6 of 39 bytes', makePacket('fd00::1', 'fd00::2', 40).slice(0, 39)],
    ['version 0', inner([0x05], 64)],
    ['version 5', inner([0x55], 64)],
    ['version 15', inner([0xf5], 64)],
    ['16 zero bytes', inner([], 16)],
    ['an IPv4 length beyond the packet', withLength(41)],
    ['an IPv4 length of 19', withLength(19)],
    ['an IPv4 length of 0', withLength(0)],
    [
      'an IPv6 length of 65535',
      (() => {
        const packet = makePacket('10.0.0.1', '10.0.0.2', 60);
        packet[0] = 0x60;
        packet.set([0xff, 0xff], 4);
        return packet;
      })(),
    ],
  ])('with bad content: %s', (_name, packet) => {
    station.receive(opponent.seal(session, packet), opponent.endpoint);
    expect(station.drops()).toEqual({ bad_inner: 1 });
    expect(station.delivered).toEqual([]);
    expectAlive(session);
  });

  it('are trimmed to the length of the packet inside', () => {
    const padded = new Uint8Array(incoming.length + 20).fill(0xaa);
    padded.set(incoming);
    station.receive(opponent.seal(session, padded), opponent.endpoint);
    expect(station.delivered).toEqual([incoming]);
  });

  it('need no padding', () => {
    const odd = makePacket('10.0.0.1', '10.0.0.2', 37);
    station.receive(opponent.seal(session, odd), opponent.endpoint);
    expect(station.delivered).toEqual([odd]);
  });

  it('may be as large as UDP allows, valid or not', () => {
    const large = makePacket('10.0.0.1', '10.0.0.2', 65_475);
    const datagram = opponent.seal(session, large);
    expect(datagram.length).toBe(65_507);
    const altered = datagram.slice();
    altered[70]! ^= 1;
    expectDropped(altered, 'bad_tag');
    station.receive(datagram, opponent.endpoint);
    expect(station.delivered.at(-1)).toEqual(large);
  });
});

describe('sessions that were replaced', () => {
  /** The opponent initiates; the session waits for its confirmation. */
  function offer(): Session {
    clock.advance(SECOND);
    const { message, sent } = opponent.initiate();
    return opponent.complete(sent, expectAnswered(message));
  }

  it('previous still receives, and answers go on current', () => {
    const renewed = offer();
    station.receive(opponent.seal(renewed), opponent.endpoint);
    station.receive(opponent.seal(session, incoming), opponent.endpoint);
    expect(station.delivered).toHaveLength(1);
    station.send(outgoing);
    expect(opponent.open(renewed, station.takeSent()[0]!.bytes).slice(0, 84)).toEqual(outgoing);
    // Late packets on the old session never make it current again.
    station.receive(opponent.seal(session, incoming), opponent.endpoint);
    expectAlive(renewed);
  });

  it('previous is gone as soon as a new session is offered', () => {
    const second = offer();
    station.receive(opponent.seal(second), opponent.endpoint);
    offer();
    expectDropped(opponent.seal(session, incoming), 'unknown_index', second);
  });

  it('an offered session that was never confirmed is gone when a newer one is offered', () => {
    const lost = offer();
    const kept = offer();
    expectDropped(opponent.seal(lost, incoming), 'unknown_index');
    station.receive(opponent.seal(kept, incoming), opponent.endpoint);
    expectAlive(kept);
  });

  it('is not confirmed by a forgery', () => {
    const offered = offer();
    const forged = opponent.seal(offered, incoming);
    forged[forged.length - 1]! ^= 1;
    expectDropped(forged, 'bad_tag');
    // A first packet with any counter will do.
    station.receive(opponent.seal(offered, incoming, 7n), opponent.endpoint);
    expectAlive(offered);
    expect(station.count('handshake')).toBe(2);
  });
});

describe('100,000 random datagrams', () => {
  it('leave the session alive and cost no DH', () => {
    const random = new SeededRandom(11);
    const before = station.crypto.dhCount;
    for (let n = 0; n < 100_000; n++) {
      const datagram = random.bytes(random.below(200));
      if (n % 2 === 0) datagram.set([1 + random.below(4), 0, 0, 0].slice(0, datagram.length));
      if (n % 8 === 0 && datagram.length >= 8)
        new DataView(datagram.buffer).setUint32(4, session.remoteIndex, true);
      station.receive(datagram, elsewhere);
    }
    expect(station.crypto.dhCount).toBe(before);
    expect(station.delivered).toEqual([]);
    expect(Object.values(station.drops()).reduce((sum, count) => sum + count)).toBe(100_000);
    expectAlive(session);
  });
});

describe('a peer whose public key is of low order', () => {
  it('can be added, never answers, and is never called', () => {
    const zero = new Uint8Array(32);
    zero[0] = 1;
    station.addPeer(zero, { endpoint: elsewhere, routes: '10.66.0.0/16' });
    expect(station.send(makePacket('10.0.0.2', '10.66.0.1'))).toBe('no_peer');
    expect(station.takeSent()).toEqual([]);
    expect(
      createInitiation(
        opponent.crypto,
        { ...opponent.acquaintance, peerPublicKey: zero },
        opponent.ephemeral(),
        1,
        timestampOf(0, 0),
      ),
    ).toBeUndefined();
  });
});
