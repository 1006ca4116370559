// A device with thousands of peers: what a packet costs must not depend on how many there are.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { RawIdentity, StaticIdentity } from '../../../src/core/crypto/identity.ts';
import type { Endpoint } from '../../../src/core/endpoint.ts';
import { NEVER, SECOND } from '../../../src/core/time.ts';
import { Timers } from '../../../src/core/wireguard/timers.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { SeededRandom } from '../../support/random.ts';
import { Opponent, type Session } from './opponent.ts';
import { kindOf, makePacket, Station } from './station.ts';

const outgoing = makePacket('10.0.0.2', '10.0.0.1');
const incoming = makePacket('10.0.0.1', '10.0.0.2');

let clock: FakeClock;
let station: Station;
let opponent: Opponent;
let random: SeededRandom;

beforeEach(() => {
  clock = new FakeClock();
  random = new SeededRandom(2);
});

const endpointOf = (n: number): Endpoint => ({ host: `198.51.${n >> 8}.${n & 255}`, port: 51820 });

describe('with ten thousand peers', () => {
  /** The DHs with peers who never do anything would take ten seconds: they are not done. */
  class IdentityOfOne implements StaticIdentity {
    readonly publicKey: Uint8Array;
    readonly #raw: RawIdentity;

    constructor(raw: RawIdentity) {
      this.publicKey = raw.publicKey;
      this.#raw = raw;
    }

    dh(...[publicKey, now, answer]: Parameters<StaticIdentity['dh']>): void {
      if (publicKey[31] !== 0xff) this.#raw.dh(publicKey, now, answer);
    }

    destroy(): void {}
  }

  let session: Session;

  beforeEach(() => {
    station = new Station(clock, { identity: (raw) => new IdentityOfOne(raw) });
    opponent = new Opponent(station.publicKey);
    for (let n = 0; n < 10_000; n++) {
      const publicKey = random.bytes(32);
      publicKey[31] = 0xff;
      station.addPeer(publicKey, { routes: '' });
    }
    station.addPeer(opponent.publicKey, { endpoint: opponent.endpoint });
    station.device.up(clock.now);
    const { message, session: answered } = opponent.answer(station.takeSent()[0]!.bytes);
    station.receive(message, opponent.endpoint);
    session = answered;
  });

  it('a batch of datagrams and the question when to wake ask none of them', () => {
    const asked = vi.spyOn(Timers.prototype, 'pollAt');
    const polled = vi.spyOn(Timers.prototype, 'poll');
    for (let n = 0; n < 200; n++) {
      clock.advance(10);
      station.receive(opponent.seal(session, incoming), opponent.endpoint);
      station.send(outgoing);
      station.poll(clock.now);
      expect(station.pollAt()).toBeGreaterThan(clock.now);
    }
    expect(asked).not.toHaveBeenCalled();
    expect(polled).not.toHaveBeenCalled();
    vi.restoreAllMocks();
    expect(station.delivered).toHaveLength(200);
  });

  it('all are asked when something may be due, and that is rare', () => {
    const polled = vi.spyOn(Timers.prototype, 'poll');
    for (let n = 0; n < 600; n++) {
      station.receive(opponent.seal(session, incoming), opponent.endpoint);
      station.send(outgoing);
      station.run(100);
    }
    const rounds = polled.mock.calls.length / 10_001;
    vi.restoreAllMocks();
    // Each deadline that was cancelled rings once, for nothing: in a minute those of 5, 10 and 15 s.
    expect(rounds).toBeGreaterThan(0);
    expect(rounds).toBeLessThan(15);
  });

  it('no deadline is left when all are removed, or the device is down', () => {
    station.send(outgoing);
    expect(station.pollAt()).toBeLessThan(NEVER);
    station.device.down();
    expect(station.pollAt()).toBe(NEVER);
    station.device.up(clock.now);
    station.send(outgoing);
    expect(station.pollAt()).toBeLessThan(NEVER);
    for (const peer of [...station.device.peers]) station.device.removePeer(peer.publicKey);
    expect(station.pollAt()).toBe(NEVER);
  });
});

describe('a hundred peers', () => {
  it('are not called in one instant, and later not kept alive in one instant (edge 27)', () => {
    station = new Station(clock, { slotBytes: 1 << 22 });
    const peers = Array.from({ length: 100 }, (_, n) => {
      const peer = new Opponent(station.publicKey, 5000 + n);
      station.addPeer(peer.publicKey, { endpoint: endpointOf(n), persistentKeepalive: 1, routes: '' });
      return peer;
    });
    const start = clock.now;
    station.device.up(clock.now);
    expect(station.sent).toHaveLength(16);
    // Each is answered after a round trip of 20 ms.
    let answered = 0;
    for (let seen = 0; answered < 100; ) {
      station.run(1);
      for (; station.sent[seen] && station.sent[seen]!.at + 20 <= clock.now; seen++) {
        const { bytes, to } = station.sent[seen]!;
        if (bytes[0] !== 1) continue;
        const n = Number(to.host.split('.')[3]);
        station.receive(peers[n]!.answer(bytes).message, to);
        answered++;
      }
    }
    const calls = station.takeSent().filter((sent) => kindOf(sent) === 'initiation');
    expect(calls).toHaveLength(100);
    // 16 at once, then one every 2.5 ms.
    expect(calls.at(-1)!.at - start).toBeCloseTo(84 * 2.5, 0);

    station.run(1100);
    station.takeSent();
    station.run(10 * SECOND);
    const perInstant = new Map<number, number>();
    for (const { at } of station.takeSent()) perInstant.set(at, (perInstant.get(at) ?? 0) + 1);
    expect(Math.max(...perInstant.values())).toBeLessThanOrEqual(16);
    expect([...perInstant.values()].reduce((sum, count) => sum + count)).toBeGreaterThanOrEqual(1000);
  });

  it('that are added one after the other are called so', () => {
    station = new Station(clock);
    station.device.up(clock.now);
    for (let n = 0; n < 20; n++)
      station.addPeer(new Opponent(station.publicKey, 100 + n).publicKey, {
        endpoint: endpointOf(n),
        routes: '',
      });
    expect(station.takeSent()).toHaveLength(16);
    station.run(10);
    expect(station.takeSent().map(({ to }) => to)).toEqual([16, 17, 18, 19].map(endpointOf));
  });

  it('one that calls before its turn is not called', () => {
    station = new Station(clock);
    const peers = Array.from({ length: 20 }, (_, n) => new Opponent(station.publicKey, 100 + n));
    for (const [n, { publicKey }] of peers.entries())
      station.addPeer(publicKey, { endpoint: endpointOf(n), routes: '' });
    station.device.up(clock.now);
    station.takeSent();
    const caller = peers[19]!;
    station.receive(caller.initiate().message, endpointOf(19));
    station.run(SECOND);
    expect(station.takeSent().map((sent) => [kindOf(sent), sent.to.host.slice(-2)])).toEqual([
      ['response', '19'],
      ['initiation', '16'],
      ['initiation', '17'],
      ['initiation', '18'],
    ]);
  });
});
