import { describe, expect, it } from 'vitest';
import { elsewhere, expectRefused, flipped, type Refusal, refuses, Scene } from './scene.ts';

/** A cookie reply about the device's initiation in flight, altered. */
const altered =
  (at: number) =>
  (scene: Scene): Uint8Array =>
    flipped(scene.opponent.refuseWithCookie(scene.initiationInFlight()).reply, at);

const resized =
  (size: number) =>
  (scene: Scene): Uint8Array => {
    const { reply } = scene.opponent.refuseWithCookie(scene.initiationInFlight());
    const message = new Uint8Array(size);
    message.set(reply.slice(0, size));
    return message;
  };

/** The retry goes without mac2: no cookie was taken. */
const hasNoCookie = (scene: Scene) => expect(scene.nextTry().slice(132)).toEqual(new Uint8Array(16));

const REPLIES: Refusal[] = [
  {
    title: 'row 26: a cookie reply with an unknown index',
    datagram: altered(4),
    drop: 'unexpected_cookie',
    afterwards: hasNoCookie,
  },
  {
    title: 'row 26: with one bit of the nonce off',
    datagram: altered(8),
    drop: 'bad_cookie',
    peer: 0,
    afterwards: hasNoCookie,
  },
  {
    title: 'row 26: with one bit of the cookie off',
    datagram: altered(32),
    drop: 'bad_cookie',
    peer: 0,
    afterwards: hasNoCookie,
  },
  {
    title: 'row 26: with one bit of the tag off',
    datagram: altered(63),
    drop: 'bad_cookie',
    peer: 0,
    afterwards: hasNoCookie,
  },
  {
    title: 'row 26: about another message than the last',
    datagram: (scene) => {
      const first = scene.initiationInFlight();
      const second = scene.nextTry();
      const { reply } = scene.opponent.refuseWithCookie(first);
      reply.set(second.slice(4, 8), 4);
      return reply;
    },
    drop: 'bad_cookie',
    peer: 0,
    afterwards: hasNoCookie,
  },
  { title: 'row 26: of 63 bytes', datagram: resized(63), drop: 'malformed', afterwards: hasNoCookie },
  { title: 'row 26: of 65 bytes', datagram: resized(65), drop: 'malformed', afterwards: hasNoCookie },
  {
    title: 'row 26: a bad one when there is a cookie does not replace it',
    datagram: (scene) => {
      scene.station.receive(scene.opponent.refuseWithCookie(scene.initiationInFlight()).reply, elsewhere);
      return flipped(scene.opponent.refuseWithCookie(scene.nextTry()).reply, 40);
    },
    drop: 'bad_cookie',
    peer: 0,
    afterwards: (scene) => {
      const { mac2 } = scene.opponent.refuseWithCookie(new Uint8Array(148));
      const retry = scene.nextTry();
      expect(retry.slice(132)).toEqual(mac2(retry));
    },
  },
  {
    title: 'row 27: before anything was sent',
    datagram: (scene) => {
      // To this peer nothing was, so there is no index by which a reply could name it.
      const other = scene.addOther();
      return other.refuseWithCookie(other.initiate().message).reply;
    },
    drop: 'unexpected_cookie',
  },
  {
    title: 'row 27: a second one about the same message',
    datagram: (scene) => {
      const { reply } = scene.opponent.refuseWithCookie(scene.initiationInFlight());
      scene.station.receive(reply, elsewhere);
      return reply;
    },
    drop: 'unexpected_cookie',
    peer: 0,
  },
];

describe('cookie replies', () => {
  refuses(REPLIES);

  it('row 28: a valid one, even from a foreign port, is stored and no more; the retry 5 s later has the right mac2', () => {
    const scene = new Scene();
    const { station, clock, opponent } = scene;
    const initiation = scene.initiationInFlight();
    const { reply, mac2 } = opponent.refuseWithCookie(initiation);
    const before = scene.snapshot();
    const sentAt = clock.now;
    station.receive(reply, elsewhere);
    expect(scene.snapshot()).toEqual(before);
    scene.expectEcho();
    station.runUntil(sentAt + 4999);
    expect(station.takeSent()).toEqual([]);
    station.runUntil(sentAt + 5000);
    const [retry] = station.takeSent();
    expect(retry!.to).toBe(opponent.endpoint);
    expect(retry!.bytes.slice(132)).toEqual(mac2(retry!.bytes));
    scene.live = scene.accept(opponent.answer(retry!.bytes));
    scene.expectEcho();
  });

  it('row 28: one about our response is stored, too', () => {
    const scene = new Scene();
    const { message, sent } = scene.opponent.initiate();
    const response = scene.answerTo(message);
    const { reply, mac2 } = scene.opponent.refuseWithCookie(response);
    scene.station.receive(reply, elsewhere);
    expect(scene.station.drops()).toEqual({});
    scene.confirm(scene.opponent.complete(sent, response));
    scene.clock.advance(1000);
    const next = scene.answerTo(scene.opponent.initiate().message);
    expect(next.slice(76)).toEqual(mac2(next));
  });

  it('row 28: the cookie is forgotten when our address changes, to which it was bound', () => {
    const scene = new Scene();
    scene.station.receive(scene.opponent.refuseWithCookie(scene.initiationInFlight()).reply, elsewhere);
    scene.station.device.reconnected(scene.clock.now);
    scene.station.takeSent();
    hasNoCookie(scene);
  });

  it('row 27: twice about one message, the first is kept', () => {
    const scene = new Scene();
    const initiation = scene.initiationInFlight();
    const { reply, mac2 } = scene.opponent.refuseWithCookie(initiation);
    scene.station.receive(reply, elsewhere);
    const other = scene.opponent.refuseWithCookie(initiation, new Uint8Array(16).fill(1)).reply;
    expectRefused(scene, other, { drop: 'unexpected_cookie', peer: 0 });
    const retry = scene.nextTry();
    expect(retry.slice(132)).toEqual(mac2(retry));
  });
});
