// What our own side may ask of the device at a bad moment, or give it.
import { describe, expect, it, vi } from 'vitest';
import { createInitiation } from '../../../../src/core/wireguard/handshake.ts';
import { IndexTable } from '../../../../src/core/wireguard/index-table.ts';
import { timestampOf } from '../../../../src/core/wireguard/tai64n.ts';
import { kindOf, makePacket } from '../station.ts';
import { elsewhere, lowOrderPoints, outgoing, Scene } from './scene.ts';

describe('row 58: a peer that is removed between decryption and delivery', () => {
  it('gets nothing delivered', () => {
    const scene = new Scene();
    const { station, opponent } = scene;
    const open = station.crypto.open.bind(station.crypto);
    vi.spyOn(station.crypto, 'open').mockImplementation((...args) => {
      const isAuthentic = open(...args);
      station.device.removePeer(opponent.publicKey);
      return isAuthentic;
    });
    scene.hear(scene.live);
    expect(station.delivered).toEqual([]);
    expect(station.drops()).toEqual({ disallowed_source: 1 });
    expect(station.takeSent()).toEqual([]);
    // Nothing of it is left.
    expect(station.crypto.keyCount).toBe(0);
    station.run(60_000);
    expect(station.takeSent()).toEqual([]);
    expect(station.pollAt()).toBe(Number.POSITIVE_INFINITY);
  });

  it('or, when it is closed with the whole device, nothing either', () => {
    const scene = new Scene();
    const { station } = scene;
    const open = station.crypto.open.bind(station.crypto);
    vi.spyOn(station.crypto, 'open').mockImplementation((...args) => {
      const isAuthentic = open(...args);
      station.device.close();
      return isAuthentic;
    });
    scene.hear(scene.live);
    expect(station.delivered).toEqual([]);
    expect(station.takeSent()).toEqual([]);
  });
});

describe('a packet that can go nowhere is refused at once, and no initiation is made for it', () => {
  it.each([
    ['row 59: no peer has its destination', () => {}, 'no_peer', []],
    [
      'row 59: its peer has no endpoint',
      (scene: Scene) => {
        scene.addOther();
      },
      'no_endpoint',
      [{}, { no_endpoint: 1 }],
    ],
    [
      "row 59: the DH with its peer's static key is zero",
      ({ station }: Scene) => {
        station.addPeer(lowOrderPoints[2]!, { endpoint: elsewhere, routes: '10.7.0.0/16' });
      },
      'no_peer',
      [{}, { no_peer: 1 }],
    ],
  ] as const)('%s', (_title, prepare, verdict, peerDrops) => {
    const scene = new Scene();
    const { station } = scene;
    // So that the live peer does not have it.
    station.device.removePeer(scene.opponent.publicKey);
    station.addPeer(scene.opponent.publicKey, { endpoint: scene.opponent.endpoint, routes: '10.0.0.0/16' });
    scene.live = scene.accept(scene.opponent.answer(station.takeSent()[0]!.bytes));
    prepare(scene);
    station.takeSent();
    const dhs = station.crypto.dhCount;
    for (let n = 1; n <= 100; n++) {
      expect(station.send(makePacket('10.0.0.2', '10.7.0.1'))).toBe(verdict);
      expect(station.drops()).toEqual({ [verdict]: n });
    }
    station.run(60_000);
    expect(station.takeSent()).toEqual([]);
    expect(station.crypto.dhCount).toBe(dhs);
    const drops = station.status().peers.map((peer) => peer.drops);
    expect(drops).toEqual(peerDrops.length ? peerDrops.map(times(100)) : [{}]);
    scene.expectEcho();
  });

  it('row 59: a handshake with a key of low order can be neither begun nor answered', () => {
    const { station, opponent } = new Scene();
    const [low] = [lowOrderPoints[2]!];
    station.addPeer(low, { endpoint: elsewhere, routes: '10.66.0.0/16', persistentKeepalive: 1 });
    station.run(10_000);
    expect(station.takeSent()).toEqual([]);
    const known = { ...opponent.acquaintance, peerPublicKey: low };
    const created = createInitiation(opponent.crypto, known, opponent.ephemeral(), 1, timestampOf(0, 0));
    expect(created).toBeUndefined();
  });
});

/** Every count times n. */
const times = (n: number) => (drops: Record<string, number>) =>
  Object.fromEntries(Object.entries(drops).map(([reason, count]) => [reason, count * n]));

describe('packets that wait for a session', () => {
  it('row 60: of 10,000 the newest 128 are kept and leave in order', () => {
    const scene = new Scene();
    const { station, opponent } = scene;
    const initiation = scene.initiationInFlight();
    // The old session ends, and nobody answers.
    scene.clock.advance(56_000);
    for (let n = 0; n < 10_000; n++) {
      const packet = outgoing.slice();
      new DataView(packet.buffer).setUint32(40, n);
      expect(station.send(packet)).toBe('staged');
    }
    expect(station.drops()).toEqual({ staged_overflow: 10_000 - 128 });
    expect(station.status().peers[0]!.drops).toEqual({ staged_overflow: 10_000 - 128 });
    // Only what the first of them set off.
    const sent = station.takeSent();
    expect(sent.map(kindOf)).toEqual(['initiation']);
    expect(sent[0]!.bytes).not.toEqual(initiation);
    const { message, session } = opponent.answer(sent[0]!.bytes);
    station.receive(message, opponent.endpoint);
    const numbers = station.takeSent().map(({ bytes }) => {
      const packet = opponent.open(session, bytes);
      return new DataView(packet.buffer).getUint32(40);
    });
    expect(numbers).toEqual(Array.from({ length: 128 }, (_, n) => 10_000 - 128 + n));
    scene.expectEcho(session);
  });
});

describe('a random source that returns an index in use', () => {
  const draw = (index: number) => {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, index);
    return bytes;
  };

  it('row 61: the device draws another, for an initiation and for a response', () => {
    const scene = new Scene();
    const { station } = scene;
    const taken = scene.live.remoteIndex;
    station.draws.push(draw(taken), draw(0), draw(taken), draw(0xfedc_ba98));
    const initiation = scene.initiationInFlight();
    expect(new DataView(initiation.buffer).getUint32(4, true)).toBe(0xfedc_ba98);
    expect(station.draws).toEqual([]);
    scene.expectEcho();
    station.draws.push(draw(taken), draw(0x7654_3210));
    const { message, sent } = scene.opponent.initiate();
    const response = scene.answerTo(message);
    expect(new DataView(response.buffer).getUint32(4, true)).toBe(0x7654_3210);
    expect(station.draws).toEqual([]);
    scene.expectEcho();
    scene.confirm(scene.opponent.complete(sent, response));
    scene.expectEcho();
    expect(station.drops()).toEqual({});
  });

  it('row 61: 0 and what is taken are drawn again, and an index is the same above 2^31', () => {
    const draws = [0, 0xff00_0001, 0xff00_0001, 0, 0x7f00_0002].map(draw);
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
