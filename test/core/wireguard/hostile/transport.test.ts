import { describe, expect, it } from 'vitest';
import { SECOND } from '../../../../src/core/time.ts';
import {
  elsewhere,
  expectRefused,
  flipped,
  incoming,
  outgoing,
  type Refusal,
  refuses,
  Scene,
} from './scene.ts';

const LIMIT = 2n ** 64n - 2n ** 13n - 1n;

/** After a packet with this counter came, one with that. */
const after =
  (first: bigint, second: bigint) =>
  (scene: Scene): Uint8Array => {
    // On a session that is not the live one afterwards: its window has moved far ahead.
    const session = scene.confirm(scene.offer());
    scene.live = scene.confirm(scene.offer());
    scene.hear(session, incoming, first);
    expect(scene.station.drops()).toEqual({});
    return scene.opponent.seal(session, incoming, second);
  };

const TRANSPORT: Refusal[] = [
  {
    title: 'row 33: an unknown index',
    datagram: ({ opponent, live }) => flipped(opponent.seal(live, incoming), 4),
    drop: 'unknown_index',
  },
  {
    title: "row 34: a handshake's index",
    datagram: (scene) => {
      const initiation = scene.initiationInFlight();
      const datagram = scene.opponent.seal(scene.live, incoming);
      datagram.set(initiation.slice(4, 8), 4);
      return datagram;
    },
    drop: 'unknown_index',
  },
  {
    title: 'row 35: one bit of the tag off; the true packet with that counter still passes',
    datagram: ({ opponent, live }) => flipped(opponent.seal(live, incoming, 1000n), -1),
    drop: 'bad_tag',
    peer: 0,
    afterwards: (scene, datagram) => {
      scene.station.receive(flipped(datagram, -1), scene.opponent.endpoint);
      expect(scene.station.delivered).toEqual([incoming, incoming]);
    },
  },
  {
    title: 'row 35: one bit of the content off',
    datagram: ({ opponent, live }) => flipped(opponent.seal(live, incoming), 16),
    drop: 'bad_tag',
    peer: 0,
  },
  {
    title: 'row 35: another counter',
    datagram: ({ opponent, live }) => flipped(opponent.seal(live, incoming), 15),
    drop: 'bad_tag',
    peer: 0,
  },
  {
    title: 'row 36: a duplicate',
    datagram: (scene) => {
      const datagram = scene.opponent.seal(scene.live, incoming);
      scene.station.receive(datagram, scene.opponent.endpoint);
      expect(scene.station.delivered).toEqual([incoming]);
      return datagram;
    },
    drop: 'replay',
    peer: 0,
  },
  {
    title: 'row 37: a counter 8129 behind is dropped',
    datagram: after(10_000n, 10_000n - 8129n),
    drop: 'replay',
    peer: 0,
  },
  {
    title: 'row 38: an old counter after a jump by 2^40',
    datagram: after(2n ** 40n, 5n),
    drop: 'replay',
    peer: 0,
  },
  {
    title: 'row 39: counter 2^64 − 2^13 − 1',
    datagram: after(LIMIT - 1n, LIMIT),
    drop: 'counter_limit',
    peer: 0,
  },
  {
    title: 'row 39: counter 2^64 − 1',
    datagram: after(LIMIT - 1n, 2n ** 64n - 1n),
    drop: 'counter_limit',
    peer: 0,
  },
  {
    title: 'row 40: a key that is 181 s old',
    datagram: (scene) => {
      const old = scene.live;
      scene.live = scene.accept(scene.opponent.answer(scene.initiationInFlight()));
      // 1 s passed before, and 125 s since.
      scene.station.run(55 * SECOND);
      return scene.opponent.seal(old, incoming);
    },
    drop: 'expired_session',
    peer: 0,
  },
  {
    title: 'row 42: on `previous`, after a new session was offered',
    datagram: (scene) => {
      const previous = scene.live;
      scene.confirm(scene.offer());
      scene.offer();
      return scene.opponent.seal(previous, incoming);
    },
    drop: 'unknown_index',
  },
  {
    title: 'row 43: on an offered session that a newer one replaced',
    datagram: (scene) => {
      const lost = scene.offer();
      scene.offer();
      return scene.opponent.seal(lost, incoming);
    },
    drop: 'unknown_index',
  },
  {
    title: 'row 46: a forgery from a new address; the endpoint stays',
    datagram: ({ opponent, live }) => flipped(opponent.seal(live, incoming), 20),
    drop: 'bad_tag',
    peer: 0,
    afterwards: ({ station, opponent }) => {
      expect(station.status().peers[0]!.endpoint).toBe('192.0.2.1:51919');
      station.send(outgoing);
      expect(station.takeSent()[0]!.to).toBe(opponent.endpoint);
    },
  },
];

describe('transport messages that are refused', () => refuses(TRANSPORT));

describe('transport messages that are accepted', () => {
  it('row 37: a counter 8128 behind is accepted', () => {
    const scene = new Scene();
    scene.hear(scene.live, incoming, 10_000n);
    scene.hear(scene.live, incoming, 10_000n - 8128n);
    expect(scene.station.delivered).toHaveLength(2);
    // Once.
    expectRefusedReplay(scene, 10_000n - 8128n);
  });

  it('row 38: a jump by 2^40 is accepted', () => {
    const scene = new Scene();
    scene.hear(scene.live, incoming, 2n ** 40n);
    expect(scene.station.delivered).toEqual([incoming]);
    scene.hear(scene.live, incoming, 2n ** 40n - 8128n);
    expect(scene.station.delivered).toHaveLength(2);
    expectRefusedReplay(scene, 2n ** 40n - 8129n);
  });

  it('row 39: counter 2^64 − 2^13 − 2 is accepted', () => {
    const scene = new Scene();
    scene.hear(scene.live, incoming, LIMIT - 1n);
    expect(scene.station.delivered).toEqual([incoming]);
    expect(scene.station.drops()).toEqual({});
  });

  it('row 41: on `previous` after rotation it is delivered, and the answer goes on `current`', () => {
    const scene = new Scene();
    const previous = scene.live;
    const current = scene.confirm(scene.offer());
    scene.hear(previous);
    expect(scene.station.delivered).toEqual([incoming]);
    scene.expectEcho(current);
    expect(scene.station.drops()).toEqual({});
  });

  it('row 44: one on `previous` after `current` was confirmed never makes it current again', () => {
    const scene = new Scene();
    const previous = scene.live;
    const current = scene.confirm(scene.offer());
    for (let n = 0; n < 3; n++) {
      scene.hear(previous);
      scene.hear(previous, new Uint8Array(0));
      scene.expectEcho(current);
    }
    expect(scene.station.drops()).toEqual({});
    // As initiator, too.
    const other = new Scene();
    const renewed = other.accept(other.opponent.answer(other.initiationInFlight()));
    other.hear(other.live);
    other.expectEcho(renewed);
  });

  it('row 43: a forgery does not confirm an offered session; then any counter does', () => {
    const scene = new Scene();
    const { opponent } = scene;
    const offered = scene.offer();
    expectRefused(scene, flipped(opponent.seal(offered, incoming), -1), { drop: 'bad_tag', peer: 0 });
    scene.hear(offered, incoming, 7n);
    scene.expectEcho(offered);
    expect(scene.station.count('handshake')).toBe(2);
  });

  it('row 45: from a new address it is delivered, and the endpoint moves', () => {
    const scene = new Scene();
    const { station } = scene;
    scene.hear(scene.live, incoming, undefined, elsewhere);
    expect(station.delivered).toEqual([incoming]);
    expect(station.events.at(-1)).toMatchObject({ type: 'roamed', endpoint: elsewhere });
    expect(station.status().peers[0]!.endpoint).toBe('203.0.113.9:9');
    station.send(outgoing);
    expect(station.takeSent()[0]!.to).toBe(elsewhere);
    scene.expectEcho();
  });
});

function expectRefusedReplay(scene: Scene, counter: bigint): void {
  const { station } = scene;
  const delivered = station.delivered.length;
  scene.hear(scene.live, incoming, counter);
  expect(station.delivered).toHaveLength(delivered);
  expect(station.drops()).toEqual({ replay: 1 });
  expect(station.status().peers[0]!.drops).toEqual({ replay: 1 });
}
