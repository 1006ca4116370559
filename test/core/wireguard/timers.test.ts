import { beforeEach, describe, expect, it } from 'vitest';
import { NEVER, SECOND } from '../../../src/core/time.ts';
import { Jitter } from '../../../src/core/wireguard/jitter.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { toHex } from '../../support/hex.ts';
import { SeededRandom } from '../../support/random.ts';
import { Opponent, type Session } from './opponent.ts';
import { kindOf, makePacket, Station } from './station.ts';

const outgoing = makePacket('10.0.0.2', '10.0.0.1');
const incoming = makePacket('10.0.0.1', '10.0.0.2');

let clock: FakeClock;
let station: Station;
let opponent: Opponent;

beforeEach(() => {
  clock = new FakeClock();
  station = new Station(clock);
  opponent = new Opponent(station.publicKey);
  station.device.up(clock.now);
});

/** With no endpoint yet, so that nothing is sent by itself. */
function addPeer(persistentKeepalive = 0) {
  const peer = station.addPeer(opponent.publicKey, { persistentKeepalive })!;
  peer.setEndpoint(opponent.endpoint);
  return peer;
}

/** The station initiates, the opponent answers; everything sent so far is taken out. */
function connect(): Session {
  station.send(outgoing);
  const initiation = station.takeSent().find((sent) => kindOf(sent) === 'initiation')!;
  const { message, session } = opponent.answer(initiation.bytes);
  station.receive(message, opponent.endpoint);
  station.takeSent();
  return session;
}

/** The opponent initiates and confirms. */
function connectAsResponder(): Session {
  const { message, sent } = opponent.initiate();
  station.receive(message, opponent.endpoint);
  const session = opponent.complete(sent, station.takeSent()[0]!.bytes);
  station.receive(opponent.seal(session), opponent.endpoint);
  station.takeSent();
  return session;
}

const kinds = () => station.takeSent().map(kindOf);
const hear = (session: Session, plaintext = incoming) =>
  station.receive(opponent.seal(session, plaintext), opponent.endpoint);

describe('an initiation that nobody answers', () => {
  it('is made anew 20 times, 5 s and a jitter apart, and then given up until there is a new packet', () => {
    station.jitter = 100;
    addPeer();
    const start = clock.now;
    expect(station.send(outgoing)).toBe('staged');
    station.runUntil(start + 20 * 5100 - 1);
    const tries = station.takeSent();
    expect(tries.map(kindOf)).toEqual(Array(20).fill('initiation'));
    tries.forEach(({ at }, n) => {
      expect(at).toBeCloseTo(start + n * 5100, 6);
    });
    // Each is a new one: other index, other ephemeral key, later timestamp.
    expect(new Set(tries.map(({ bytes }) => toHex(bytes.slice(4, 8)))).size).toBe(20);
    expect(new Set(tries.map(({ bytes }) => toHex(bytes.slice(8, 40)))).size).toBe(20);
    const timestamps = tries.map(({ bytes }) => toHex(opponent.read(bytes).timestamp));
    expect(timestamps).toEqual([...new Set(timestamps)].sort());
    const attempts = station.events.map((event) => (event.type === 'handshake-attempt' ? event.attempt : 0));
    expect(attempts).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
    expect(station.count('gave-up')).toBe(0);

    station.run(2);
    expect(station.count('gave-up')).toBe(1);
    expect(station.drops()).toEqual({ handshake_gave_up: 1 });
    expect(station.takeSent()).toEqual([]);
    expect(station.pollAt()).toBeCloseTo(start + 20 * 5100 + 540 * SECOND, 6);

    station.run(600 * SECOND);
    expect(station.takeSent()).toEqual([]);
    expect(station.pollAt()).toBe(NEVER);
    const again = clock.now;
    station.send(outgoing);
    expect(kinds()).toEqual(['initiation']);
    station.runUntil(again + 20 * 5100 - 1);
    expect(kinds()).toHaveLength(19);
  });

  it('is repeated after 5 s and the jitter of each try, and given up 5 s and a jitter after the last', () => {
    const jitters = [0, 333, 17, 200, 1, 332, 90];
    station.jitter = jitters;
    addPeer();
    const start = clock.now;
    station.send(outgoing);
    station.run(20 * 5333);
    const wanted = [0];
    for (let n = 0; n < 20; n++) wanted.push(wanted[n]! + 5000 + jitters[n % jitters.length]!);
    const tries = station.takeSent();
    expect(tries).toHaveLength(20);
    tries.forEach(({ at }, n) => {
      expect(at - start).toBeCloseTo(wanted[n]!, 6);
    });
    // What was staged is dropped when the last one has had its time; 540 s later there is nothing left to zero.
    expect(station.drops()).toEqual({ handshake_gave_up: 1 });
    expect(station.pollAt() - start).toBeCloseTo(wanted[20]! + 540 * SECOND, 6);
    clock.advance(1000);
    station.send(outgoing);
    expect(kinds()).toEqual(['initiation']);
    expect(station.events.at(-1)).toMatchObject({ type: 'handshake-attempt', attempt: 21, isRetry: false });
  });

  it('goes on for ever while there are new packets', () => {
    addPeer();
    for (let n = 0; n < 60; n++) {
      station.send(outgoing);
      station.run(3 * SECOND);
    }
    expect(kinds().length).toBeGreaterThanOrEqual(30);
    expect(station.count('gave-up')).toBe(0);
  });

  it('is retransmitted though the host calls 0.4 ms early, and once though it calls a minute late', () => {
    addPeer();
    station.send(outgoing);
    const due = station.pollAt();
    expect(due).toBeCloseTo(clock.now + 5000, 6);
    station.takeSent();
    clock.moveTo(due - 0.4);
    station.poll(clock.now);
    expect(station.takeSent()).toEqual([]);
    expect(station.pollAt()).toBe(due);
    clock.moveTo(due);
    station.poll(clock.now);
    station.poll(clock.now);
    expect(kinds()).toEqual(['initiation']);
    clock.moveTo(station.pollAt() + 60 * SECOND);
    station.poll(clock.now);
    station.poll(clock.now);
    expect(kinds()).toEqual(['initiation']);
  });

  it('is not sent within 5 s of the last, but trying begins again', () => {
    addPeer();
    station.send(outgoing);
    station.run(18 * 5000 + 1);
    expect(kinds()).toHaveLength(19);
    station.run(4000);
    expect(station.send(outgoing)).toBe('staged');
    expect(kinds()).toEqual([]);
    // 19 more retransmissions from here.
    station.run(19 * 5000);
    expect(kinds()).toHaveLength(19);
    expect(station.count('gave-up')).toBe(0);
    station.run(5000);
    expect(station.count('gave-up')).toBe(1);
  });
});

describe('an initiation that a response of ours holds back', () => {
  it('is not forgotten', () => {
    addPeer();
    station.send(outgoing);
    station.run(4000);
    station.takeSent();
    // The opponent's own initiation wins, but its confirmation never comes.
    station.receive(opponent.initiate().message, opponent.endpoint);
    expect(kinds()).toEqual(['response']);
    const responded = clock.now;
    station.runUntil(responded + 4999.9);
    expect(kinds()).toEqual([]);
    station.run(0.2);
    expect(kinds()).toEqual(['initiation']);
  });
});

describe('an initiation less than 5 s after a response of ours', () => {
  it('is held back, but trying begins again: 20 of them follow', () => {
    addPeer();
    const start = clock.now;
    station.receive(opponent.initiate().message, opponent.endpoint);
    expect(kinds()).toEqual(['response']);
    station.run(1000);
    expect(station.send(outgoing)).toBe('staged');
    station.runUntil(start + 4999.9);
    expect(kinds()).toEqual([]);
    // Nobody confirms the session. The packet is not forgotten while others come.
    station.runUntil(start + 5000);
    station.send(outgoing);
    expect(kinds()).toEqual(['initiation']);
    station.run(19 * 5000 + 1);
    expect(kinds()).toHaveLength(19);
    expect(station.count('gave-up')).toBe(0);
    station.run(5000);
    expect(station.count('gave-up')).toBe(1);
  });
});

describe('the passive keepalive', () => {
  it('leaves 10 s after the first data that we did not answer', () => {
    addPeer();
    const session = connect();
    const start = clock.now;
    hear(session);
    station.run(4000);
    station.runUntil(start + 9999.9);
    expect(kinds()).toEqual([]);
    station.run(0.2);
    expect(station.sent.map(({ at }) => at - start)).toEqual([10_000]);
    expect(kinds()).toEqual(['keepalive']);
    station.run(30 * SECOND);
    expect(kinds()).toEqual([]);
  });

  it('is not needed when something was sent meanwhile, nor for keepalives', () => {
    addPeer();
    const session = connect();
    hear(session);
    station.run(5000);
    station.send(outgoing);
    hear(session, new Uint8Array(0));
    expect(kinds()).toEqual(['data']);
    station.run(60 * SECOND);
    expect(kinds()).toEqual([]);
  });

  it('is followed by another when more data came before it', () => {
    addPeer();
    const session = connect();
    const start = clock.now;
    hear(session);
    station.run(3000);
    hear(session);
    station.runUntil(start + 10_001);
    expect(kinds()).toEqual(['keepalive']);
    station.runUntil(start + 19_999);
    expect(kinds()).toEqual([]);
    station.runUntil(start + 20_001);
    expect(kinds()).toEqual(['keepalive']);
    station.run(60 * SECOND);
    expect(kinds()).toEqual([]);
  });
});

describe('a new handshake because nobody answers', () => {
  it('begins 15 s and a jitter after the first unanswered data', () => {
    station.jitter = 200;
    addPeer();
    connect();
    hear(connectAsResponder());
    station.takeSent();
    const start = clock.now;
    station.send(outgoing);
    station.run(10_000);
    station.send(outgoing);
    expect(kinds()).toEqual(['data', 'data']);
    station.runUntil(start + 15_199.9);
    expect(kinds()).toEqual([]);
    station.run(0.2);
    expect(kinds()).toEqual(['initiation']);
  });

  it('is called off by a keepalive, and not caused by one', () => {
    addPeer();
    const session = connect();
    station.send(outgoing);
    station.run(14_000);
    hear(session, new Uint8Array(0));
    station.takeSent();
    station.run(30_000);
    expect(kinds()).toEqual([]);
    hear(session);
    station.run(40_000);
    expect(kinds()).toEqual(['keepalive']);
  });
});

describe('the age of a session', () => {
  it('makes its initiator renew it with the first packet after 120 s', () => {
    addPeer();
    const session = connect();
    const start = clock.now;
    for (const at of [60, 119.999, 120]) {
      clock.moveTo(start + at * SECOND);
      hear(session);
      station.send(outgoing);
      expect(kinds()).toEqual(['data']);
    }
    clock.moveTo(start + 120.001 * SECOND);
    expect(station.send(outgoing)).toBe('sent');
    expect(kinds()).toEqual(['data', 'initiation']);
  });

  it('does not make its responder renew it before 180 s', () => {
    addPeer();
    const session = connectAsResponder();
    // Confirmed in the same instant as created.
    const start = clock.now;
    for (const at of [119.999, 120.001, 165.1]) {
      clock.moveTo(start + at * SECOND);
      hear(session);
      expect(station.send(outgoing)).toBe('sent');
      expect(kinds()).toEqual(['data']);
    }
    clock.moveTo(start + 179.999 * SECOND);
    hear(session);
    expect(station.send(outgoing)).toBe('sent');
    expect(kinds()).toEqual(['data']);
    clock.moveTo(start + 180 * SECOND);
    expect(station.send(outgoing)).toBe('staged');
    expect(kinds()).toEqual(['initiation']);
  });

  it('makes its initiator renew it at 165 s if it only receives, once', () => {
    addPeer();
    const start = Math.ceil(clock.now);
    clock.moveTo(start);
    const session = connect();
    for (const at of [164.9, 165]) {
      clock.moveTo(start + at * SECOND);
      hear(session);
      expect(kinds()).toEqual([]);
    }
    clock.moveTo(start + 165.1 * SECOND);
    hear(session, new Uint8Array(0));
    expect(kinds()).toEqual(['initiation']);
    station.takeSent();
    clock.moveTo(start + 171 * SECOND);
    hear(session);
    expect(kinds()).toEqual([]);
  });

  it('ends sending at 180 s and receiving after 180 s', () => {
    addPeer();
    const session = connect();
    const start = clock.now;
    clock.moveTo(start + 179.999 * SECOND);
    expect(station.send(outgoing)).toBe('sent');
    clock.moveTo(start + 180 * SECOND);
    expect(station.send(outgoing)).toBe('staged');
    hear(session);
    expect(station.delivered).toHaveLength(1);
    clock.moveTo(start + 180.001 * SECOND);
    hear(session);
    expect(station.delivered).toHaveLength(1);
    expect(station.drops()).toEqual({ expired_session: 1 });
  });

  it('ends sending at 180 s, and receiving after 180 s, also for the responder', () => {
    addPeer();
    const session = connectAsResponder();
    const start = clock.now;
    clock.moveTo(start + 179.999 * SECOND);
    expect(station.send(outgoing)).toBe('sent');
    hear(session);
    clock.moveTo(start + 180 * SECOND);
    expect(station.send(outgoing)).toBe('staged');
    hear(session);
    expect(station.delivered).toHaveLength(2);
    clock.moveTo(start + 180.001 * SECOND);
    hear(session);
    expect(station.delivered).toHaveLength(2);
    expect(station.drops()).toEqual({ expired_session: 1 });
  });

  it('ends in all keys being zeroed after 540 s', () => {
    addPeer();
    connect();
    const start = clock.now;
    expect(station.crypto.keyCount).toBe(2);
    station.runUntil(start + 539.9 * SECOND);
    // Polled only now and then, it is not sleep: the keys stay for their timer.
    expect(station.crypto.keyCount).toBe(2);
    station.runUntil(start + 540.1 * SECOND);
    expect(station.crypto.keyCount).toBe(0);
    expect(station.pollAt()).toBe(NEVER);
  });
});

describe('a cookie', () => {
  /** The station has had a cookie since now, for its initiation in this instant. */
  function takeCookie() {
    addPeer();
    station.send(outgoing);
    const { reply, mac2 } = opponent.refuseWithCookie(station.takeSent()[0]!.bytes);
    station.receive(reply, opponent.endpoint);
    return { start: clock.now, mac2 };
  }

  it.each([
    [114.9, true],
    [115, true],
    [115.1, false],
  ])('is used after %d s: %s', (seconds, isUsed) => {
    clock.moveTo(Math.ceil(clock.now));
    const { start, mac2 } = takeCookie();
    // Nobody answers; all is given up at 100 s, and then there is a new packet.
    station.runUntil(start + seconds * SECOND);
    for (const { bytes } of station.takeSent()) expect(bytes.slice(132)).toEqual(mac2(bytes));
    expect(station.count('gave-up')).toBe(1);
    station.send(outgoing);
    const [{ bytes } = { bytes: new Uint8Array() }] = station.takeSent();
    expect(bytes.slice(132)).toEqual(isUsed ? mac2(bytes) : new Uint8Array(16));
  });

  it('about a stale mac1 is refused: only the last message that was sent counts', () => {
    addPeer();
    station.send(outgoing);
    const [first] = station.takeSent();
    station.run(5 * SECOND);
    const [second] = station.takeSent();
    const stale = opponent.refuseWithCookie(first!.bytes).reply;
    stale.set(second!.bytes.slice(4, 8), 4);
    station.receive(stale, opponent.endpoint);
    expect(station.drops()).toEqual({ bad_cookie: 1 });
    station.run(5 * SECOND);
    expect(station.takeSent()[0]!.bytes.slice(132)).toEqual(new Uint8Array(16));
  });
});

describe('initiations of one peer', () => {
  it.each([
    [19.9, 1],
    [20, 1],
    [20.1, 2],
  ])('of which the second comes %d ms after the first: %d of them answered', (gap, answered) => {
    clock.moveTo(Math.ceil(clock.now));
    addPeer();
    station.receive(opponent.initiate().message, opponent.endpoint);
    clock.advance(gap);
    station.receive(opponent.initiate().message, opponent.endpoint);
    expect(kinds()).toEqual(Array(answered).fill('response'));
    expect(station.drops()).toEqual(answered === 1 ? { initiation_flood: 1 } : {});
  });
});

describe('sleep', () => {
  it('of ten minutes ends all sessions and costs one initiation', () => {
    const peer = addPeer(25);
    const session = connect();
    hear(session);
    station.send(outgoing);
    station.takeSent();
    clock.advance(600 * SECOND);
    station.poll(clock.now);
    expect(kinds()).toEqual(['initiation']);
    expect(station.crypto.keyCount).toBe(0);
    station.poll(clock.now);
    expect(kinds()).toEqual([]);
    expect(peer.status(clock.now).hasSession).toBe(false);
    hear(session);
    expect(station.drops().unknown_index).toBe(1);
  });

  it('of more than 180 s drops the keys at once, whatever wakes the device', () => {
    addPeer();
    const start = Math.ceil(clock.now);
    clock.moveTo(start);
    const session = connect();
    clock.moveTo(start + 180 * SECOND);
    hear(session);
    expect(station.delivered).toHaveLength(1);
    clock.moveTo(start + 360.001 * SECOND);
    hear(session);
    expect(station.drops()).toEqual({ unknown_index: 1 });
    expect(station.crypto.keyCount).toBe(0);
  });

  it('does not come from a wall clock that jumps', () => {
    addPeer();
    const session = connect();
    clock.wall += 3_600_000;
    hear(session);
    clock.wall -= 7_200_000;
    hear(session);
    expect(station.delivered).toHaveLength(2);
    expect(station.send(outgoing)).toBe('sent');
  });
});

describe('the persistent keepalive', () => {
  it('fills 25 s of silence in both directions, and no less', () => {
    addPeer(25);
    const session = connect();
    hear(session, new Uint8Array(0));
    station.run(24_000);
    hear(session, new Uint8Array(0));
    station.run(24_000);
    station.send(outgoing);
    hear(session, new Uint8Array(0));
    station.takeSent();
    const start = clock.now;
    station.runUntil(start + 24_999);
    expect(kinds()).toEqual([]);
    station.runUntil(start + 25_001);
    expect(kinds()).toEqual(['keepalive']);
    station.runUntil(start + 50_001);
    expect(kinds()).toEqual(['keepalive']);
  });

  it('says something at once when it is turned on, and at up', () => {
    const peer = addPeer();
    peer.setPersistentKeepalive(25, clock.now);
    expect(kinds()).toEqual(['initiation']);
    peer.setPersistentKeepalive(0, clock.now);
    clock.advance(6 * SECOND);
    connect();
    peer.setPersistentKeepalive(25, clock.now);
    expect(kinds()).toEqual(['keepalive']);
    station.device.down();
    station.device.up(clock.now);
    expect(kinds()).toEqual(['initiation']);
  });

  it('says nothing when it only changes, is turned off, or the device is down', () => {
    const peer = addPeer(25);
    hear(connect(), new Uint8Array(0));
    clock.advance(10 * SECOND);
    peer.setPersistentKeepalive(20, clock.now);
    peer.setPersistentKeepalive(0, clock.now);
    peer.setPersistentKeepalive(0, clock.now);
    expect(kinds()).toEqual([]);
    station.device.down();
    peer.setPersistentKeepalive(25, clock.now);
    expect(kinds()).toEqual([]);
  });

  it('of a peer that is nowhere yet leaves nothing behind for when it comes', () => {
    station.addPeer(opponent.publicKey, { persistentKeepalive: 5 });
    station.run(20 * SECOND);
    const { message, sent } = opponent.initiate();
    station.receive(message, opponent.endpoint);
    const session = opponent.complete(sent, station.takeSent()[0]!.bytes);
    hear(session);
    expect(kinds()).toEqual([]);
  });

  it('can be 65,535 s', () => {
    addPeer(65535);
    hear(connect(), new Uint8Array(0));
    const start = clock.now;
    station.runUntil(start + 65_534 * SECOND);
    expect(kinds()).toEqual([]);
    station.run(2 * SECOND);
    expect(kinds()).toEqual(['initiation']);
  });

  it('begins again after each time the device gives up', () => {
    addPeer(10);
    station.send(outgoing);
    station.run(3600 * SECOND);
    expect(station.count('gave-up')).toBeGreaterThan(30);
    expect(kinds().length).toBeGreaterThan(600);
  });

  it('survives a second in which nothing may be sent', () => {
    addPeer(1);
    station.receive(opponent.initiate().message, opponent.endpoint);
    expect(kinds()).toEqual(['response']);
    station.run(4000);
    expect(kinds()).toEqual([]);
    station.run(3000);
    expect(kinds()).toEqual(['initiation']);
  });
});

describe('jitter', () => {
  it('is uniform from 0 to 333 ms', () => {
    const jitter = new Jitter(new SeededRandom(5).fill);
    const counts = new Map<number, number>();
    for (let i = 0; i < 33_400; i++) {
      const draw = jitter.next();
      counts.set(draw, (counts.get(draw) ?? 0) + 1);
    }
    expect(counts.size).toBe(334);
    expect(Math.min(...counts.keys())).toBe(0);
    expect(Math.max(...counts.keys())).toBe(333);
    // χ² with 333 degrees of freedom: mean 333, deviation 26.
    let chi = 0;
    for (const count of counts.values()) chi += (count - 100) ** 2 / 100;
    expect(chi).toBeGreaterThan(333 - 4 * 26);
    expect(chi).toBeLessThan(333 + 4 * 26);
  });

  it('is drawn anew each time', () => {
    station.jitter = undefined;
    addPeer();
    station.send(outgoing);
    station.run(90 * SECOND);
    const tries = station.takeSent().map(({ at }) => at);
    const gaps = tries.slice(1).map((at, n) => Math.round(at - tries[n]! - 5000));
    expect(gaps.every((gap) => gap >= 0 && gap <= 333)).toBe(true);
    expect(new Set(gaps).size).toBeGreaterThan(8);
  });
});
