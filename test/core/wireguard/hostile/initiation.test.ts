import { describe, expect, it } from 'vitest';
import { SECOND } from '../../../../src/core/time.ts';
import { timestampOf } from '../../../../src/core/wireguard/tai64n.ts';
import { Opponent } from '../opponent.ts';
import { kindOf } from '../station.ts';
import {
  elsewhere,
  expectRefused,
  flipped,
  lowOrderPoints,
  type Refusal,
  randomMessage,
  refuses,
  Scene,
} from './scene.ts';

const ZERO = new Uint8Array(32);
const LAST = new Uint8Array(12).fill(0xff);

/** A second ago the device answered this one. */
function answered(scene: Scene, timestamp?: Uint8Array): Uint8Array {
  const { message } = scene.opponent.initiate(timestamp);
  scene.answerTo(message);
  scene.clock.advance(SECOND);
  return message;
}

/** The timestamp that was answered last is this far from the one that follows. */
function answeredAt(scene: Scene, seconds: number, nanoseconds = 0): Uint8Array {
  const at = scene.opponent.seconds + 100;
  answered(scene, timestampOf(at, 0));
  return scene.opponent.initiate(timestampOf(at + seconds, nanoseconds)).message;
}

const FORGED: Refusal[] = [
  {
    title: 'row 6: one bit of mac1 off costs no DH',
    datagram: ({ opponent }) => flipped(opponent.initiate().message, 116),
    drop: 'bad_mac1',
  },
  {
    title: 'row 7: a right mac1 and a random rest cost one DH',
    datagram: (scene) => randomMessage(scene, 1, 148),
    drop: 'bad_static',
    dhs: 1,
  },
  {
    title: 'row 8: one bit of the encrypted static key off',
    datagram: ({ opponent }) => opponent.stamp(flipped(opponent.initiate().message, 40)),
    drop: 'bad_static',
    dhs: 1,
  },
  {
    title: 'row 8: one bit of its tag off',
    datagram: ({ opponent }) => opponent.stamp(flipped(opponent.initiate().message, 87)),
    drop: 'bad_static',
    dhs: 1,
  },
  {
    title: 'row 10: an unknown static key',
    datagram: ({ station }) => new Opponent(station.publicKey, 7).initiate().message,
    drop: 'unknown_peer',
    dhs: 1,
  },
  {
    title: 'row 10: the static key of a peer that was removed',
    datagram: (scene) => {
      const other = scene.addOther();
      scene.station.device.removePeer(other.publicKey);
      return other.initiate().message;
    },
    drop: 'unknown_peer',
    dhs: 1,
  },
  {
    title: 'row 11: an all-zero ephemeral key, with the transcript that goes with it',
    datagram: ({ opponent }) => opponent.initiateWithPoint(ZERO),
    drop: 'bad_static',
    dhs: 1,
  },
  ...lowOrderPoints.map((point, n) => ({
    title: `row 12: low-order point ${n + 1} as ephemeral key`,
    datagram: ({ opponent }: Scene) => opponent.initiateWithPoint(point),
    drop: 'bad_static' as const,
    dhs: 1,
  })),
  {
    title: 'row 18: our own initiation, reflected',
    datagram: (scene) => scene.initiationInFlight(),
    drop: 'bad_mac1',
  },
  {
    title: 'row 19: an initiation for another device',
    datagram: ({ opponent }) => new Opponent(opponent.publicKey, 5).initiate().message,
    drop: 'bad_mac1',
  },
];

const STALE: Refusal[] = [
  {
    title: 'row 9: one bit of the encrypted timestamp off; it does not count as seen',
    datagram: ({ opponent }) => {
      const { message } = opponent.initiate(timestampOf(opponent.seconds + 5, 0));
      return opponent.stamp(flipped(message, 88));
    },
    drop: 'bad_timestamp',
    peer: 0,
    dhs: 1,
    afterwards: (scene) => {
      // Between what was seen before and the forged one.
      scene.answerTo(scene.opponent.initiate().message);
      scene.expectEcho();
    },
  },
  {
    title: 'row 13: an exact replay of one that was answered',
    datagram: (scene) => answered(scene),
    drop: 'replayed_initiation',
    peer: 0,
    dhs: 1,
  },
  {
    title: 'row 14: a new one with an older timestamp',
    datagram: (scene) => answeredAt(scene, -1, 999_999_999),
    drop: 'replayed_initiation',
    peer: 0,
    dhs: 1,
  },
  {
    title: 'row 15: a new one with an equal timestamp',
    datagram: (scene) => answeredAt(scene, 0),
    drop: 'replayed_initiation',
    peer: 0,
    dhs: 1,
    afterwards: (scene) => {
      const next = timestampOf(scene.opponent.seconds + 100, 1 << 24);
      scene.answerTo(scene.opponent.initiate(next).message);
    },
  },
  {
    title: 'row 16: a second one 19.9 ms after the first',
    datagram: (scene) => {
      scene.answerTo(scene.opponent.initiate().message);
      scene.clock.advance(19.9);
      return scene.opponent.initiate().message;
    },
    drop: 'initiation_flood',
    peer: 0,
    dhs: 1,
    afterwards: (scene) => {
      // It did not count: 20.1 ms after the first, the next is answered.
      scene.clock.advance(0.2);
      scene.answerTo(scene.opponent.initiate().message);
    },
  },
  {
    title: 'row 17: a normal timestamp after the last of all, until the peer is removed and added again',
    datagram: (scene) => {
      answered(scene, LAST);
      return scene.opponent.initiate().message;
    },
    drop: 'replayed_initiation',
    peer: 0,
    dhs: 1,
    afterwards: (scene) => {
      const { station, opponent } = scene;
      station.device.removePeer(opponent.publicKey);
      station.addPeer(opponent.publicKey);
      scene.confirm(scene.offer());
      scene.expectEcho();
    },
  },
];

describe('initiations that are not what they seem', () => refuses(FORGED));

describe('initiations of a known peer', () => refuses(STALE));

describe('of initiations', () => {
  it('row 6: whichever bit of mac1 is off, there is no DH', () => {
    const scene = new Scene();
    const { message } = scene.opponent.initiate();
    for (let bit = 0; bit < 128; bit++) {
      const altered = message.slice();
      altered[116 + (bit >> 3)]! ^= 1 << (bit & 7);
      expectRefused(scene, altered, { drop: 'bad_mac1', dhs: 0 });
    }
  });

  it('row 12: all fourteen points of low order are tried', () => {
    expect(lowOrderPoints).toHaveLength(14);
    expect(lowOrderPoints).toContainEqual(ZERO);
  });

  it('row 16: of two within 20 ms one is answered', () => {
    const scene = new Scene();
    const { station, opponent, clock } = scene;
    for (const after of [0, 19.9, 20.1, 40.1, 40.3]) {
      clock.moveTo(10_000 + after);
      station.receive(opponent.initiate().message, elsewhere);
    }
    // At 0, 20.1 and 40.3.
    expect(station.takeSent().map(kindOf)).toEqual(['response', 'response', 'response']);
    expect(station.drops()).toEqual({ initiation_flood: 2 });
  });

  it('row 17: the last of all timestamps is taken', () => {
    const scene = new Scene();
    scene.answerTo(scene.opponent.initiate(LAST).message);
    expect(scene.station.drops()).toEqual({});
  });
});
