// Two devices and a network between them that loses, delays, overtakes, doubles and damages, under a fake clock.
import { describe, expect, it } from 'vitest';
import { MINUTE, SECOND } from '../../../src/core/time.ts';
import type { Impairments } from '../../support/virtual-link.ts';
import { Pair } from './pair.ts';
import { kindOf } from './station.ts';

describe.each([false, true])('on a clean link (preshared key: %s)', (psk) => {
  it('eleven minutes of traffic cross six handshakes without a loss', () => {
    const pair = new Pair({ psk });
    pair.run(SECOND);
    pair.talk(11 * MINUTE, 250);
    pair.run(SECOND);
    expect(pair.a.missing(pair.b)).toBe(0);
    expect(pair.b.missing(pair.a)).toBe(0);
    pair.expectIntegrity();
    // The initiator renews every 120 s: at 0, 2, 4, 6, 8, 10 minutes.
    expect(pair.handshakes(pair.a)).toBe(6);
    const initiations = pair.a.station.sent.filter((sent) => kindOf(sent) === 'initiation');
    expect(initiations).toHaveLength(6);
    expect(pair.b.station.sent.filter((sent) => kindOf(sent) === 'initiation')).toEqual([]);
    expect(pair.a.station.drops()).toEqual({});
    expect(pair.b.station.drops()).toEqual({});
    // Both count the same bytes.
    const [ofA, ofB] = [pair.a, pair.b].map((side) => side.station.status().peers[0]!);
    expect([ofA!.rxBytes, ofA!.txBytes]).toEqual([ofB!.txBytes, ofB!.rxBytes]);
  });

  it('a download in one direction goes on, whoever initiated', () => {
    for (const downloader of ['a', 'b'] as const) {
      const pair = new Pair({ psk });
      pair.run(SECOND);
      const [to, from] = downloader === 'a' ? [pair.a, pair.b] : [pair.b, pair.a];
      for (let n = 0; n < 1000; n++) {
        pair.send(from, to);
        pair.run(500);
      }
      pair.run(SECOND);
      expect(to.missing(from)).toBe(0);
      pair.expectIntegrity();
    }
  });

  it('silence costs nothing: no datagram for an hour, then one round trip', () => {
    const pair = new Pair({ psk });
    pair.run(SECOND);
    pair.talk(SECOND);
    pair.run(30 * SECOND);
    const sent = pair.link.counts.sent;
    pair.run(60 * MINUTE);
    expect(pair.link.counts.sent).toBe(sent);
    expect(pair.a.station.crypto.keyCount + pair.b.station.crypto.keyCount).toBe(0);
    pair.send(pair.b, pair.a);
    pair.run(61);
    expect(pair.a.missing(pair.b)).toBe(0);
  });
});

describe('both sides initiating in the same instant', () => {
  it('is settled by the jitter of the first retransmission', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const pair = new Pair({ seed });
      pair.run(SECOND);
      pair.talk(SECOND);
      pair.run(10 * MINUTE);
      // No keys any more, and both want to speak.
      const before = pair.handshakes(pair.a);
      const start = pair.clock.now;
      pair.send(pair.a, pair.b);
      pair.send(pair.b, pair.a);
      pair.run(4.9 * SECOND);
      expect(pair.handshakes(pair.a)).toBe(before);
      // 5 s, a jitter of both at most, and a round trip and a half; or one period more if they tie.
      while (pair.handshakes(pair.a) === before && pair.clock.now < start + 12 * SECOND) pair.run(10);
      expect(pair.clock.now - start).toBeLessThan(2 * 5340 + 100);
      pair.run(SECOND);
      expect(pair.a.missing(pair.b) + pair.b.missing(pair.a)).toBe(0);
      pair.expectIntegrity();
    }
  });

  it('is settled by a jitter too when new packets never cease to ask for a handshake', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const pair = new Pair({ seed });
      pair.run(11 * MINUTE);
      const before = pair.handshakes(pair.a);
      const start = pair.clock.now;
      // Both may initiate again 5 s after they answered each other, in the same instant again, and both want to.
      while (pair.handshakes(pair.a) === before && pair.clock.now < start + 60 * SECOND) pair.talk(10, 10);
      expect(pair.clock.now - start).toBeLessThan(3 * 5340 + 100);
      pair.talk(SECOND);
      pair.expectFlow();
      pair.expectIntegrity();
    }
  });
});

const PROFILES: [string, Impairments][] = [
  ['1 % loss', { delay: 20, loss: 0.01 }],
  ['20 % loss', { delay: 20, loss: 0.2 }],
  ['200 ms of reordering', { delay: 20, jitter: 200 }],
  ['everything twice', { delay: 20, jitter: 50, duplicate: 1 }],
  ['5 % damaged', { delay: 20, corrupt: 0.05, truncate: 0.01 }],
  ['600 ms each way', { delay: 600 }],
  ['all of it', { delay: 30, jitter: 80, loss: 0.2, duplicate: 0.1, corrupt: 0.02, truncate: 0.01 }],
];

describe('on a bad link', () => {
  describe.each(PROFILES)('%s', (_name, impairments) => {
    it.each([1, 2, 3])('no packet comes twice or altered, and sessions go on (seed %d)', (seed) => {
      const pair = new Pair({ seed, impairments, psk: seed === 2 });
      pair.run(SECOND);
      pair.talk(5 * MINUTE, 250);
      pair.run(2 * SECOND);
      pair.expectIntegrity();
      const { loss = 0, corrupt = 0, truncate = 0 } = impairments;
      const bad = 1 - (1 - loss) * (1 - corrupt) * (1 - truncate);
      for (const [side, other] of [
        [pair.a, pair.b],
        [pair.b, pair.a],
      ] as const) {
        // A renewal may need a few tries, but the old session serves for another minute.
        expect(side.received.size / other.sentCount).toBeGreaterThan((1 - bad) * 0.95);
        if (bad === 0) expect(side.missing(other)).toBe(0);
      }
      pair.link.impairments = { delay: 20 };
      pair.run(12 * SECOND);
      pair.expectFlow();
    });
  });

  it('a round trip of more than 5 s lets no handshake complete, and does no harm', () => {
    const pair = new Pair({ impairments: { delay: 3000 } });
    pair.talk(2 * MINUTE, 1000);
    expect(pair.handshakes(pair.a)).toBe(0);
    expect(pair.a.station.count('gave-up')).toBe(0);
    pair.link.impairments = { delay: 20 };
    pair.run(12 * SECOND);
    pair.expectFlow();
    pair.expectIntegrity();
  });

  it('after any blackout there is a session within 5.34 s and a round trip, unless the tries cross', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const pair = new Pair({ seed });
      pair.link.isCut = true;
      pair.talk(SECOND * (0.5 + seed));
      pair.link.isCut = false;
      const start = pair.clock.now;
      while (pair.handshakes(pair.b) === 0 && pair.clock.now < start + 20 * SECOND) pair.run(1);
      // Where both sides' tries cross, each costs one more period (the jitters rarely tie twice).
      const crossings = pair.a.station.drops().unexpected_response ?? 0;
      expect(crossings).toBeLessThanOrEqual(2);
      expect(pair.clock.now - start).toBeLessThan((1 + crossings) * (5333 + 3 * 20 + 2));
      pair.run(SECOND);
      pair.expectFlow();
      pair.expectIntegrity();
    }
  });

  it('a blackout of one second in four loses only what was sent into it', () => {
    const pair = new Pair({ impairments: { delay: 10 } });
    pair.run(SECOND);
    for (let n = 0; n < 60; n++) {
      pair.talk(3 * SECOND);
      pair.link.isCut = true;
      pair.talk(SECOND);
      pair.link.isCut = false;
    }
    pair.expectIntegrity();
    expect(pair.a.received.size / pair.b.sentCount).toBeGreaterThan(0.7);
    expect(pair.b.received.size / pair.a.sentCount).toBeGreaterThan(0.7);
  });
});

describe('moving about', () => {
  it('each side follows the other, whose port changes every second', () => {
    const pair = new Pair();
    pair.run(SECOND);
    for (let n = 0; n < 150; n++) {
      pair.rebind(n % 2 === 0 ? pair.a : pair.b);
      pair.talk(SECOND);
    }
    pair.run(SECOND);
    pair.expectIntegrity();
    // At each move, only what was under way to the old port is lost.
    expect(pair.a.missing(pair.b) + pair.b.missing(pair.a)).toBeLessThanOrEqual(2 * 150);
    expect(pair.a.station.count('roamed')).toBe(75);
  });

  it('a side whose address changed is followed at once if it says so', () => {
    const pair = new Pair();
    pair.run(SECOND);
    pair.talk(SECOND);
    pair.run(SECOND);
    pair.rebind(pair.a);
    pair.a.station.device.reconnected(pair.clock.now);
    pair.run(21);
    pair.send(pair.b, pair.a);
    pair.run(21);
    expect(pair.a.missing(pair.b)).toBe(0);
  });
});

describe('a side that is restarted', () => {
  it('with the endpoint in its configuration calls at once', () => {
    const pair = new Pair();
    pair.talk(10 * SECOND);
    const lost = pair.a.missing(pair.b);
    pair.restart(pair.a, 2);
    pair.run(100);
    expect(pair.a.missing(pair.b) - lost).toBeLessThanOrEqual(1);
    pair.expectFlow();
    pair.expectIntegrity();
  });

  it('without one is called within 15.4 s', () => {
    for (let seed = 1; seed <= 5; seed++) {
      const pair = new Pair({ seed });
      pair.talk(10 * SECOND);
      pair.restart(pair.b, 2 * seed + 1);
      const start = pair.clock.now;
      while (pair.handshakes(pair.b) === 0 && pair.clock.now < start + 30 * SECOND) pair.talk(100);
      expect(pair.clock.now - start).toBeLessThan(15_400 + 100);
      pair.run(SECOND);
      pair.expectFlow();
      pair.expectIntegrity();
    }
  });
});
