// Each comparison at the very value where it turns, where no other test happens to stand.
import { describe, expect, it } from 'vitest';
import { IpPrefix } from '../../../src/core/address.ts';
import { equalConstantTime } from '../../../src/core/bytes.ts';
import { RawIdentity, type StaticIdentity } from '../../../src/core/crypto/identity.ts';
import { WasmSuite } from '../../../src/core/crypto/wasm-suite.ts';
import type { Instant } from '../../../src/core/time.ts';
import { SECOND } from '../../../src/core/time.ts';
import { AllowedIps } from '../../../src/core/wireguard/allowed-ips.ts';
import { createResponse } from '../../../src/core/wireguard/handshake.ts';
import { Jitter } from '../../../src/core/wireguard/jitter.ts';
import { SymmetricState } from '../../../src/core/wireguard/noise.ts';
import { ReplayWindow } from '../../../src/core/wireguard/replay.ts';
import { isLaterTimestamp, TimestampClock, timestampOf } from '../../../src/core/wireguard/tai64n.ts';
import { loadAssembly } from '../../../src/node/assembly.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { Opponent } from './opponent.ts';
import { kindOf, makePacket, Station } from './station.ts';

const outgoing = makePacket('10.0.0.2', '10.0.0.1');
const incoming = makePacket('10.0.0.1', '10.0.0.2');

describe('the replay window', () => {
  it('takes 0 first, and once', () => {
    const window = new ReplayWindow();
    expect([window.accept(0, 0), window.accept(0, 0)]).toEqual([true, false]);
  });

  it.each([1, 2, 0xffff_ffff])(
    'moves on over the end of the lower half into %i·2^32 as anywhere else',
    (high) => {
      const window = new ReplayWindow();
      const accept = (counter: number) =>
        counter < 0 ? window.accept(counter + 2 ** 32, high - 1) : window.accept(counter, high);
      /** The counters from `first` to `last` that fare otherwise. */
      const exceptions = (first: number, last: number, step: number, wanted: boolean) => {
        const found: number[] = [];
        for (let at = first; step > 0 ? at <= last : at >= last; at += step)
          if (accept(at) !== wanted) found.push(at);
        return found;
      };
      expect(exceptions(-8192, 4095, 1, true)).toEqual([]);
      expect(exceptions(4095, 4095 - 9000, -1, false)).toEqual([]);
      // Every other one from there on, and then those in between, as far as the window reaches.
      expect(exceptions(4096, 13_998, 2, true)).toEqual([]);
      expect(exceptions(13_997, 13_998 - 8128, -2, true)).toEqual([]);
      expect(accept(13_997 - 8128)).toBe(false);
    },
  );
});

describe('the jitter', () => {
  it('draws again what would favour small values', () => {
    // 65,464 is 196 · 334: the values from there on are the beginning of one more round.
    const draws = [65_463, 65_464, 65_535, 7, 0];
    const jitter = new Jitter((bytes) => new Uint16Array(bytes.buffer).set(draws));
    expect([jitter.next(), jitter.next(), jitter.next()]).toEqual([333, 7, 0]);
  });
});

describe('allowed IPs', () => {
  const prefix = (text: string) => IpPrefix.parse(text)!;

  it('do not grow when a prefix is given again and again', () => {
    const table = new AllowedIps<string>();
    for (const text of ['10.0.0.0/8', '10.1.0.0/16', '10.0.0.1/32', '::/0']) {
      for (let n = 0; n < 20_000; n++) table.insert(prefix(text), n % 2 === 0 ? 'a' : 'b');
      expect(table.prefixesOf('b').map(String)).toContain(text);
    }
    expect(table.prefixesOf('a')).toEqual([]);
  });

  it('are told by address, and by length where addresses are equal', () => {
    const table = new AllowedIps<string>();
    const inserted = ['10.1.0.0/16', '10.0.0.0/16', '9.0.0.0/24', 'fd00::/8', '10.0.0.0/8', '::/0'];
    for (const text of inserted) table.insert(prefix(text), 'a');
    expect(table.prefixesOf('a').map(String)).toEqual([
      '9.0.0.0/24',
      '10.0.0.0/8',
      '10.0.0.0/16',
      '10.1.0.0/16',
      '::/0',
      'fd00::/8',
    ]);
  });
});

describe('timestamps', () => {
  it('are whitened downwards from the last instant before a step', () => {
    // The 58th step of a second; what a clock of milliseconds in a double can say on either side of it.
    const resolution = 2 ** -12;
    const after = Math.ceil((58 * 16.777216) / resolution) * resolution;
    const next = (milliseconds: number) => new TimestampClock(() => 1.8e12 + milliseconds).next();
    expect(next(after)).toEqual(timestampOf(1.8e9, 58 * 2 ** 24));
    expect(next(after - resolution)).toEqual(timestampOf(1.8e9, 57 * 2 ** 24));
  });

  it('differ in any byte', () => {
    for (let at = 0; at < 12; at++) {
      const [a, b] = [new Uint8Array(12), new Uint8Array(12)];
      a[at] = 1;
      b.fill(255, at + 1);
      expect([isLaterTimestamp(a, b), isLaterTimestamp(b, a)], `byte ${at}`).toEqual([true, false]);
    }
  });

  it('step from the last of a second to the first of the next', () => {
    const clock = new TimestampClock(() => 1.8e12 + 995);
    expect(clock.next()).toEqual(timestampOf(1.8e9, 59 * 2 ** 24));
    for (let step = 0; step < 60; step++)
      expect(clock.next(), `step ${step}`).toEqual(timestampOf(1.8e9 + 1, step * 2 ** 24));
    expect(clock.next()).toEqual(timestampOf(1.8e9 + 2, 0));
  });

  it.each([0, 2 ** 31 - 10, 2 ** 32 - 12, 2 ** 32 - 11, 2 ** 32 - 10, 2 ** 32, 2 ** 40 - 12, 2 ** 40 - 11])(
    'have 64 bits for %d seconds, and are read back',
    (seconds) => {
      const timestamp = timestampOf(seconds, 3 * 2 ** 24);
      expect(new DataView(timestamp.buffer).getBigUint64(0)).toBe(2n ** 62n + 10n + BigInt(seconds));
      expect(new DataView(timestamp.buffer).getUint32(8)).toBe(3 * 2 ** 24);
      expect(new TimestampClock(() => 1.8e12, timestamp).last).toEqual(timestamp);
    },
  );

  it('are read back with any nanosecond of a second, whitened', () => {
    const kept = timestampOf(1.8e9, 0);
    const readBack = (nanoseconds: number) => {
      new DataView(kept.buffer).setUint32(8, nanoseconds);
      return new TimestampClock(() => 1.8e12, kept).last;
    };
    expect(readBack(999_999_999)).toEqual(timestampOf(1.8e9, 59 * 2 ** 24));
    expect(readBack(1_000_000_000)).toBeUndefined();
  });

  it('are not read back from 2^40 seconds on', () => {
    expect(new TimestampClock(() => 1.8e12, timestampOf(2 ** 40 - 10, 0)).last).toBeUndefined();
  });

  it('believe a clock from 2026 on for twenty years, to the millisecond', () => {
    const from = Date.UTC(2026, 0, 1);
    const to = from + 20 * 365.25 * 86_400_000;
    const next = (wall: number) => new TimestampClock(() => wall).next();
    const at = (wall: number) => timestampOf(Math.floor(wall / 1000), (wall % 1000) * 1e6);
    expect(next(from - 1)).toEqual(at(from));
    expect(next(from + 500)).toEqual(at(from + 500));
    expect(next(to)).toEqual(at(to));
    expect(next(to + 1)).toEqual(at(from));
  });
});

describe('a device', () => {
  const makeScene = (identity?: (raw: RawIdentity) => StaticIdentity) => {
    const clock = new FakeClock();
    const station = new Station(clock, identity && { identity });
    const opponent = new Opponent(station.publicKey);
    station.device.up(clock.now);
    return { clock, station, opponent };
  };

  it('that comes up calls sixteen peers at once and four hundred a second', () => {
    const clock = new FakeClock();
    const station = new Station(clock);
    for (let n = 0; n < 100; n++) {
      const opponent = new Opponent(station.publicKey, n);
      station.addPeer(opponent.publicKey, { endpoint: opponent.endpoint, routes: '' });
    }
    station.device.up(clock.now);
    station.poll(clock.now);
    expect(station.takeSent().map(kindOf)).toEqual(new Array(16).fill('initiation'));
    station.run(99.9);
    expect(station.takeSent()).toHaveLength(39);
    station.run(0.2);
    expect(station.takeSent()).toHaveLength(1);
  });

  it('takes public keys of 32 bytes only', () => {
    const { station } = makeScene();
    expect(() => station.addPeer(new Uint8Array(31))).toThrow("peer's public key: expected 32 bytes, got 31");
    expect(() => station.addPeer(new Uint8Array(33))).toThrow('got 33');
  });

  it('takes another preshared key for the next handshake', () => {
    const { station, opponent } = makeScene();
    const peer = station.addPeer(opponent.publicKey)!;
    opponent.presharedKey.fill(7);
    expect(peer.setPresharedKey(opponent.presharedKey)).toBe(true);
    expect(peer.setPresharedKey(opponent.presharedKey)).toBe(false);
    const { message, sent } = opponent.initiate();
    station.receive(message, opponent.endpoint);
    expect(() => opponent.complete(sent, station.takeSent()[0]!.bytes)).not.toThrow();
  });

  it('refuses an initiation before it has the DH of the static keys', () => {
    let peerPublicKey: Uint8Array | undefined;
    const { station, opponent } = makeScene((raw) => ({
      publicKey: raw.publicKey,
      dh: (publicKey, now, answer) => {
        if (!peerPublicKey || !equalConstantTime(publicKey, peerPublicKey)) raw.dh(publicKey, now, answer);
      },
      destroy: () => raw.destroy(),
    }));
    peerPublicKey = opponent.publicKey;
    station.addPeer(opponent.publicKey);
    station.receive(opponent.initiate().message, opponent.endpoint);
    expect(station.drops()).toEqual({ bad_static: 1 });
    expect(station.takeSent()).toEqual([]);
  });
});

describe('a peer', () => {
  /** In session with the opponent, who called first. */
  const makeSession = () => {
    const clock = new FakeClock();
    const station = new Station(clock);
    const opponent = new Opponent(station.publicKey);
    station.device.up(clock.now);
    const peer = station.addPeer(opponent.publicKey)!;
    const { message, sent } = opponent.initiate();
    station.receive(message, opponent.endpoint);
    const session = opponent.complete(sent, station.takeSent()[0]!.bytes);
    station.receive(opponent.seal(session), opponent.endpoint);
    clock.advance(10 * SECOND);
    return { clock, station, opponent, peer, session };
  };
  const changeIdentity = ({ device, crypto }: Station, now: Instant) =>
    device.setIdentity(new RawIdentity(new Uint8Array(32).fill(5), crypto), now);

  it('sends no initiation while the device is down, nor without an endpoint', () => {
    const clock = new FakeClock();
    const station = new Station(clock);
    const [here, nowhere] = [5, 6].map((seed) => new Opponent(station.publicKey, seed));
    const known = station.addPeer(here!.publicKey, { endpoint: here!.endpoint })!;
    expect(known.sendInitiation(false, clock.now)).toBe(false);
    station.device.up(clock.now);
    expect(station.takeSent()).toHaveLength(1);
    const unknown = station.addPeer(nowhere!.publicKey)!;
    expect(unknown.sendInitiation(false, clock.now)).toBe(false);
    clock.advance(5 * SECOND);
    expect(known.sendInitiation(false, clock.now)).toBe(true);
    expect(station.takeSent()).toHaveLength(1);
  });

  it('is called again under a new key of ours if it was being called, though nothing waits', () => {
    const clock = new FakeClock();
    const station = new Station(clock);
    const opponent = new Opponent(station.publicKey);
    station.addPeer(opponent.publicKey, { endpoint: opponent.endpoint });
    station.device.up(clock.now);
    clock.advance(5 * SECOND);
    station.takeSent();
    changeIdentity(station, clock.now);
    expect(station.takeSent().map(kindOf)).toEqual(['initiation']);
  });

  it('is called under a new key of ours when it is its turn, whatever comes on an old session', () => {
    const { clock, station, opponent, session } = makeSession();
    station.jitter = 300;
    changeIdentity(station, clock.now);
    expect(station.send(outgoing)).toBe('staged');
    expect(station.takeSent().map(kindOf)).toEqual(['initiation']);
    clock.advance(5.1 * SECOND);
    station.receive(opponent.seal(session, incoming), opponent.endpoint);
    expect(station.delivered).toHaveLength(1);
    expect(station.takeSent()).toEqual([]);
    station.run(0.3 * SECOND);
    expect(station.takeSent().map(kindOf)).toEqual(['initiation']);
  });

  it('that calls while we want to send it a keepalive gets that keepalive', () => {
    const clock = new FakeClock();
    const station = new Station(clock);
    const opponent = new Opponent(station.publicKey);
    station.addPeer(opponent.publicKey, { endpoint: opponent.endpoint, persistentKeepalive: 1 });
    station.device.up(clock.now);
    station.run(1.5 * SECOND);
    expect(station.takeSent().map(kindOf)).toEqual(['initiation']);
    const { message, sent } = opponent.initiate();
    station.receive(message, opponent.endpoint);
    const session = opponent.complete(sent, station.takeSent()[0]!.bytes);
    station.receive(opponent.seal(session), opponent.endpoint);
    expect(station.takeSent().map(kindOf)).toEqual(['keepalive']);
  });

  it('is one of 65,536 at most', async () => {
    const clock = new FakeClock();
    const identity = (raw: RawIdentity) => ({ publicKey: raw.publicKey, dh: () => {}, destroy: () => {} });
    const station = new Station(clock, { crypto: new WasmSuite(await loadAssembly()), identity });
    const publicKey = new Uint8Array(32);
    const add = (n: number) => {
      new DataView(publicKey.buffer).setUint32(4, n);
      return station.addPeer(publicKey, { routes: '' });
    };
    for (let n = 1; n < 65_536; n++) add(n);
    expect(add(65_536)).toBeDefined();
    expect(add(65_537)).toBeUndefined();
    station.device.removePeer(station.device.peers[Symbol.iterator]().next().value!.publicKey);
    expect(add(65_537)).toBeDefined();
  });
});

describe('a response', () => {
  it.each([
    ['its ephemeral key', 'remoteEphemeral'],
    ['its static key', 'peerPublicKey'],
  ])('is not made for an initiator when the DH with %s is zero', (_what, which) => {
    const [opponent, initiator] = [3, 4].map((seed) => new Opponent(new Uint8Array(32).fill(9), seed)) as [
      Opponent,
      Opponent,
    ];
    const low = new Uint8Array(32);
    const received = {
      symmetric: SymmetricState.begin(opponent.crypto, opponent.publicKey),
      remoteEphemeral: which === 'remoteEphemeral' ? low : initiator.publicKey,
      remoteIndex: 1,
    };
    const known = {
      ourPublicKey: opponent.publicKey,
      peerPublicKey: which === 'peerPublicKey' ? low : initiator.publicKey,
      staticStatic: new Uint8Array(32),
      presharedKey: new Uint8Array(32),
    };
    const ephemeral = opponent.ephemeral();
    expect(createResponse(opponent.crypto, known, received, ephemeral, 2)).toBeUndefined();
    expect(ephemeral).toEqual(new Uint8Array(32));
  });
});
