// Under load (WG §5.3): cookies, the rate limiter, the queue and the budget of DHs.
import { beforeEach, describe, expect, it } from 'vitest';
import { RawIdentity } from '../../../src/core/crypto/identity.ts';
import type { Endpoint } from '../../../src/core/endpoint.ts';
import { NEVER, SECOND } from '../../../src/core/time.ts';
import { CookieJar } from '../../../src/core/wireguard/cookie.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { SeededRandom } from '../../support/random.ts';
import { Opponent, type Session } from './opponent.ts';
import { kindOf, makePacket, Station } from './station.ts';

const outgoing = makePacket('10.0.0.2', '10.0.0.1');
const incoming = makePacket('10.0.0.1', '10.0.0.2');
const flooder: Endpoint = { host: '203.0.113.66', port: 666 };
const DHS_PER_SLICE = 32;

let clock: FakeClock;
let station: Station;
let opponent: Opponent;
let session: Session;
let random: SeededRandom;

beforeEach(() => {
  clock = new FakeClock();
  random = new SeededRandom(4);
  station = new Station(clock);
  opponent = new Opponent(station.publicKey);
  station.addPeer(opponent.publicKey);
  station.device.up(clock.now);
  const { message, sent } = opponent.initiate();
  station.receive(message, opponent.endpoint);
  session = opponent.complete(sent, station.takeSent()[0]!.bytes);
  station.receive(opponent.seal(session), opponent.endpoint);
  clock.advance(2 * SECOND);
});

/** What anybody can send who knows the public key: the mac1 is right, the rest is random. */
function garbage(): Uint8Array {
  const message = random.bytes(148);
  message.set([1, 0, 0, 0]);
  return opponent.stamp(message);
}

/** Messages until we are under load, which has happened when the first is refused by a cookie. */
function bringUnderLoad(): void {
  for (let n = 0; n < 101; n++) station.receive(garbage(), flooder);
  expect(station.takeSent().map(kindOf)).toEqual(['cookie reply']);
}

const drops = (reason: string) => station.drops()[reason] ?? 0;

/** An initiation that was refused with a cookie, and one more with the mac2 that follows from it. */
function initiateTwice(from: Endpoint, caller = opponent) {
  const jar = new CookieJar(caller.crypto, station.publicKey);
  const first = caller.initiate();
  jar.stamp(first.message, clock.now);
  station.receive(first.message, from);
  const [reply] = station.takeSent();
  expect(kindOf(reply!)).toBe('cookie reply');
  expect(reply!.bytes).toHaveLength(64);
  expect(reply!.to).toBe(from);
  expect(jar.consumeReply(reply!.bytes, clock.now)).toBe('stored');
  const again = () => {
    const second = caller.initiate();
    jar.stamp(second.message, clock.now);
    return second;
  };
  return { again, jar };
}

describe('under load', () => {
  it('an initiation without mac2 is refused with a cookie, to where it came from, and costs no DH', () => {
    bringUnderLoad();
    const before = station.crypto.dhCount;
    const status = station.status().peers[0]!;
    initiateTwice({ host: '2001:db8::7', port: 7 });
    expect(drops('cookie_sent')).toBe(2);
    expect(station.crypto.dhCount).toBe(before);
    // Nobody has proved to be the peer.
    expect(station.status().peers[0]).toEqual(status);
  });

  it('the mac2 of another source port is refused with a cookie again', () => {
    bringUnderLoad();
    const { again } = initiateTwice(opponent.endpoint);
    station.receive(again().message, { ...opponent.endpoint, port: 1 });
    expect(station.takeSent().map(kindOf)).toEqual(['cookie reply']);
  });

  it('the right mac2 is answered', () => {
    bringUnderLoad();
    const { again } = initiateTwice(opponent.endpoint);
    const { message, sent } = again();
    station.receive(message, opponent.endpoint);
    station.run(200);
    const [response] = station.takeSent();
    const renewed = opponent.complete(sent, response!.bytes);
    station.receive(opponent.seal(renewed, incoming), opponent.endpoint);
    expect(station.delivered).toEqual([incoming]);
  });

  it('the sixth of one sender within 50 ms is dropped, with the right mac2 too', () => {
    bringUnderLoad();
    const { again } = initiateTwice(opponent.endpoint);
    for (let n = 0; n < 5; n++) station.receive(again().message, opponent.endpoint);
    expect(drops('ratelimited')).toBe(0);
    station.receive(again().message, opponent.endpoint);
    expect(drops('ratelimited')).toBe(1);
    expect(station.takeSent()).toEqual([]);
    clock.advance(50);
    station.receive(again().message, opponent.endpoint);
    expect(drops('ratelimited')).toBe(1);
  });

  it('a response is refused with a cookie, and the next one comes through', () => {
    station.device.getPeer(opponent.publicKey)!.setEndpoint(opponent.endpoint);
    clock.advance(181 * SECOND);
    bringUnderLoad();
    station.run(SECOND / 2);
    station.send(outgoing);
    const jar = new CookieJar(opponent.crypto, station.publicKey);
    const [initiation] = station.takeSent();
    const first = opponent.answer(initiation!.bytes).message;
    jar.stamp(first, clock.now);
    station.receive(first, opponent.endpoint);
    const [reply] = station.takeSent();
    expect(jar.consumeReply(reply!.bytes, clock.now)).toBe('stored');

    station.run(5 * SECOND);
    for (let n = 0; n < 101; n++) station.receive(garbage(), flooder);
    const retry = station.takeSent().find((sent) => kindOf(sent) === 'initiation')!;
    const { message, session: renewed } = opponent.answer(retry.bytes);
    jar.stamp(message, clock.now);
    station.receive(message, opponent.endpoint);
    station.run(200);
    const datagram = station.takeSent().find((sent) => kindOf(sent) === 'data')!;
    expect(opponent.open(renewed, datagram.bytes).subarray(0, outgoing.length)).toEqual(outgoing);
  });

  it('mac2 is looked at no more a second after', () => {
    bringUnderLoad();
    station.run(999);
    station.receive(opponent.initiate().message, opponent.endpoint);
    expect(station.takeSent().map(kindOf)).toEqual(['cookie reply']);
    station.run(1000);
    const wrong = opponent.initiate().message;
    wrong.fill(0xee, 132);
    station.receive(wrong, opponent.endpoint);
    expect(station.takeSent().map(kindOf)).toEqual(['response']);
  });

  it('no more bytes leave towards a stranger than came from it', () => {
    for (let n = 0; n < 500; n++) station.receive(garbage(), flooder);
    const sent = station.takeSent();
    expect(sent).toHaveLength(400);
    expect(sent.every(({ bytes, to }) => bytes.length === 64 && to === flooder)).toBe(true);
    expect(drops('cookie_sent')).toBe(400);
  });
});

describe('the queue of handshake messages', () => {
  it('is worked off at once while the budget lasts, then in slices between which data passes', () => {
    const before = station.crypto.dhCount;
    for (let n = 0; n < 90; n++) station.receive(garbage(), flooder);
    expect(station.crypto.dhCount - before).toBe(DHS_PER_SLICE);
    const due = station.pollAt();
    expect(due).toBeCloseTo(clock.now + 40, 6);

    station.receive(opponent.seal(session, incoming), opponent.endpoint);
    expect(station.delivered).toHaveLength(1);
    station.poll(clock.now);
    expect(station.crypto.dhCount - before).toBe(DHS_PER_SLICE);
    // What comes meanwhile does not push anything through, though there is some budget again.
    clock.advance(10);
    station.receive(garbage(), flooder);
    station.poll(clock.now);
    expect(station.crypto.dhCount - before).toBe(DHS_PER_SLICE);

    clock.moveTo(due);
    for (let round = 0; round < 8; round++) station.poll(clock.now);
    expect(station.pollAt()).toBeGreaterThanOrEqual(clock.now + 1);
    expect(station.crypto.dhCount - before).toBe(2 * DHS_PER_SLICE);
    station.run(100);
    expect(station.crypto.dhCount - before).toBe(91);
    expect(drops('bad_static')).toBe(91);
  });

  it('keeps the order', () => {
    for (let n = 0; n < 40; n++) station.receive(garbage(), flooder);
    const older = opponent.initiate();
    const newer = opponent.initiate();
    station.receive(older.message, opponent.endpoint);
    station.receive(newer.message, opponent.endpoint);
    station.run(100);
    const [response] = station.takeSent();
    opponent.complete(older.sent, response!.bytes);
    expect(drops('initiation_flood')).toBe(1);
  });

  it('is bounded', () => {
    // The limiter lets five of each sender through.
    bringUnderLoad();
    for (let n = 0; n < 1300; n++) {
      const from = { host: `10.${n >> 8}.${n & 255}.1`, port: 9 };
      const own = new CookieJar(opponent.crypto, station.publicKey);
      const message = garbage();
      own.stamp(message, clock.now);
      station.receive(message, from);
      own.consumeReply(station.takeSent()[0]!.bytes, clock.now);
      own.stamp(message, clock.now);
      station.receive(message, from);
    }
    // Of the hundred that passed before, 68 were waiting.
    expect(drops('handshake_queue_full')).toBe(1300 - (1024 - 68));
    const dhs = station.crypto.dhCount;
    station.run(2 * SECOND);
    expect(station.crypto.dhCount - dhs).toBe(1024);
    expect(station.pollAt()).toBeGreaterThan(clock.now + SECOND);
  });

  it('is emptied when the device goes down or gets another key', () => {
    for (let n = 0; n < 50; n++) station.receive(garbage(), flooder);
    const identity = new RawIdentity(random.bytes(32), station.crypto);
    station.device.setIdentity(identity, clock.now);
    expect(drops('identity_changed')).toBe(50 - DHS_PER_SLICE);
    opponent = new Opponent(identity.publicKey);
    station.run(SECOND);
    for (let n = 0; n < 50; n++) station.receive(garbage(), flooder);
    station.device.down();
    expect(drops('device_down')).toBe(50 - DHS_PER_SLICE);
    expect(station.pollAt()).toBe(NEVER);
  });
});

describe('a flood', () => {
  it('of a minute costs no more DHs than the budget, and data and handshakes of a live peer come through', () => {
    const before = station.crypto.dhCount;
    const jar = new CookieJar(opponent.crypto, station.publicKey);
    const start = clock.now;
    let renewals = 0;
    for (let turn = 0; turn < 600; turn++) {
      let early = 0;
      for (let n = 0; n < 20; n++) station.receive(garbage(), flooder);
      const datagrams = station.takeSent().filter(({ to }) => to === opponent.endpoint);
      expect(datagrams).toEqual([]);
      // The peer tries to renew its session every five seconds, as if nothing had come of it.
      if (turn % 50 === 10) {
        const { message, sent } = opponent.initiate();
        jar.stamp(message, clock.now);
        station.receive(message, opponent.endpoint);
        station.run(60);
        early = 60;
        for (const { bytes } of station.takeSent()) {
          if (bytes[0] === 3) jar.consumeReply(bytes, clock.now);
          if (bytes[0] !== 2) continue;
          session = opponent.complete(sent, bytes);
          renewals++;
        }
      }
      station.receive(opponent.seal(session, incoming), opponent.endpoint);
      station.run(100 - early);
    }
    expect(station.delivered).toHaveLength(600);
    expect(renewals).toBe(11);
    expect(clock.now - start).toBeCloseTo(60 * SECOND, 3);
    // A hundred until it is noticed, and what the peer is answered: with two DHs, for its own key and for a session's.
    expect(station.crypto.dhCount - before).toBeLessThanOrEqual(100 + renewals * 4);
  });

  it('of 100,000 datagrams in a second, random or with a right mac1, leaves the session alive', () => {
    const before = station.crypto.dhCount;
    const messages = Array.from({ length: 1000 }, garbage);
    for (let n = 0; n < 100_000; n++) {
      if (n % 1000 === 0) {
        station.run(10);
        station.receive(opponent.seal(session, incoming), opponent.endpoint);
        station.takeSent();
      }
      station.receive(n % 4 === 0 ? messages[(n >> 2) % 1000]! : random.bytes(random.below(200)), flooder);
    }
    expect(station.delivered).toHaveLength(100);
    expect(station.crypto.dhCount - before).toBeLessThanOrEqual(128);
    expect(drops('cookie_sent')).toBeGreaterThan(24_000);
  });
});

describe('a hub that was restarted', () => {
  it('has two hundred peers back within eight seconds, though they all call in one instant', () => {
    const hub = new Station(clock, { seed: 8, slotBytes: 1 << 20 });
    hub.device.up(clock.now);
    const peers = Array.from({ length: 200 }, (_, n) => {
      const peer = new Opponent(hub.publicKey, 1000 + n);
      hub.addPeer(peer.publicKey, { routes: '' });
      const endpoint = { host: `198.51.${n >> 7}.${n & 127}`, port: 51820 };
      return { peer, endpoint, jar: new CookieJar(peer.crypto, hub.publicKey), isBack: false };
    });
    const start = clock.now;
    const longest = { slice: 0 };
    const run = (until: number, step: () => void) => {
      while (clock.now < until) {
        const before = hub.crypto.dhCount;
        hub.run(1);
        longest.slice = Math.max(longest.slice, hub.crypto.dhCount - before);
        step();
      }
    };
    const byEndpoint = new Map(peers.map((each) => [each.endpoint as Endpoint, each]));
    const calls = new Map<Endpoint, ReturnType<Opponent['initiate']>>();
    const listen = () => {
      for (const { bytes, to } of hub.takeSent()) {
        const called = byEndpoint.get(to)!;
        if (bytes[0] === 3) called.jar.consumeReply(bytes, clock.now);
        if (bytes[0] !== 2) continue;
        called.peer.complete(calls.get(to)!.sent, bytes);
        called.isBack = true;
      }
    };
    const call = ({ peer, endpoint, jar }: (typeof peers)[number]) => {
      const initiation = peer.initiate();
      jar.stamp(initiation.message, clock.now);
      calls.set(endpoint, initiation);
      hub.receive(initiation.message, endpoint);
    };
    for (const each of peers) call(each);
    run(start + 5000, listen);
    expect(peers.filter(({ isBack }) => isBack)).toHaveLength(100);
    for (const each of peers) if (!each.isBack) call(each);
    run(start + 8000, listen);
    expect(peers.filter(({ isBack }) => isBack)).toHaveLength(200);
    // The last initiation of a slice is finished on credit.
    expect(longest.slice).toBeLessThan(DHS_PER_SLICE + 4);
  });
});
