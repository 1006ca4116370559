import { describe, expect, it } from 'vitest';
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

/** A response to the device's initiation in flight, altered and stamped again. */
const altered =
  (at: number) =>
  (scene: Scene): Uint8Array => {
    const { message } = scene.opponent.answer(scene.initiationInFlight());
    return scene.opponent.stamp(flipped(message, at));
  };

const RESPONSES: Refusal[] = [
  {
    title: 'row 12: an all-zero ephemeral key in a response, with the transcript that goes with it',
    datagram: (scene) => scene.opponent.answerWithPoint(scene.initiationInFlight(), new Uint8Array(32)),
    drop: 'bad_response',
    peer: 0,
    dhs: 1,
  },
  ...lowOrderPoints.map((point, n) => ({
    title: `row 12: low-order point ${n + 1} in a response`,
    datagram: (scene: Scene) => scene.opponent.answerWithPoint(scene.initiationInFlight(), point),
    drop: 'bad_response' as const,
    peer: 0,
    dhs: 1,
  })),
  {
    title: 'row 20: an unknown receiver index',
    datagram: altered(8),
    drop: 'unexpected_response',
  },
  {
    title: "row 21: a session's index",
    datagram: (scene) => {
      const message = randomMessage(scene, 2, 92);
      new DataView(message.buffer).setUint32(8, scene.live.remoteIndex, true);
      return scene.opponent.stamp(message);
    },
    drop: 'unexpected_response',
  },
  {
    title: 'row 22: one bit of the tag off; the good one is accepted after it',
    datagram: altered(59),
    drop: 'bad_response',
    peer: 0,
    dhs: 2,
    event: 'psk-mismatch',
    afterwards: (scene) => {
      scene.live = scene.accept(scene.opponent.answer(scene.nextTry()));
      scene.expectEcho();
    },
  },
  {
    title: 'row 22: another preshared key',
    datagram: (scene) => {
      const initiation = scene.initiationInFlight();
      scene.opponent.presharedKey.fill(9);
      const { message } = scene.opponent.answer(initiation);
      scene.opponent.presharedKey.fill(0);
      return message;
    },
    drop: 'bad_response',
    peer: 0,
    dhs: 2,
    event: 'psk-mismatch',
  },
  {
    title: 'row 22: a bad mac1',
    datagram: (scene) => flipped(scene.opponent.answer(scene.initiationInFlight()).message, 60),
    drop: 'bad_mac1',
  },
  {
    title: 'row 23: a replay of the response that was accepted',
    datagram: (scene) => {
      const answer = scene.opponent.answer(scene.initiationInFlight());
      scene.live = scene.accept(answer);
      return answer.message;
    },
    drop: 'unexpected_response',
  },
  {
    title: "row 24: a late response, after the peer's own initiation was answered",
    datagram: (scene) => {
      const { message } = scene.opponent.answer(scene.initiationInFlight());
      scene.confirm(scene.offer());
      return message;
    },
    drop: 'unexpected_response',
  },
  {
    title: 'row 24: the response to an earlier try; that to the newest is accepted',
    datagram: (scene) => {
      const { message } = scene.opponent.answer(scene.initiationInFlight());
      scene.nextTry();
      return message;
    },
    drop: 'unexpected_response',
    afterwards: (scene) => {
      scene.live = scene.accept(scene.opponent.answer(scene.nextTry()));
      scene.expectEcho();
    },
  },
  {
    title: "row 25: from another peer to this one's initiation, its index put in",
    datagram: (scene) => {
      const other = scene.addOther({ endpoint: elsewhere });
      const { message } = other.answer(scene.station.takeSent()[0]!.bytes);
      message.set(scene.initiationInFlight().slice(4, 8), 8);
      return other.stamp(message);
    },
    drop: 'bad_response',
    peer: 0,
    dhs: 2,
    event: 'psk-mismatch',
    afterwards: (scene) => {
      scene.live = scene.accept(scene.opponent.answer(scene.nextTry()));
      scene.expectEcho();
    },
  },
];

describe('responses', () => {
  refuses(RESPONSES);

  it('row 22: three bad ones change nothing, and the good one to the same initiation is accepted', () => {
    const scene = new Scene();
    const { opponent } = scene;
    const initiation = scene.initiationInFlight();
    const good = opponent.answer(initiation);
    opponent.presharedKey.fill(9);
    const otherKey = opponent.answer(initiation).message;
    opponent.presharedKey.fill(0);
    const doesNotOpen = { drop: 'bad_response', peer: 0, dhs: 2, event: 'psk-mismatch' } as const;
    expectRefused(scene, opponent.stamp(flipped(good.message, 59)), doesNotOpen);
    expectRefused(scene, otherKey, doesNotOpen);
    expectRefused(scene, flipped(good.message, 60), { drop: 'bad_mac1' });
    scene.live = scene.accept(good);
    scene.expectEcho();
    expect(scene.station.status().peers[0]).toMatchObject({
      drops: { bad_response: 2 },
      handshakeAttempts: 0,
    });
  });
});
