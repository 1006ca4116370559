import { expect, it } from 'vitest';
import { SeededRandom } from '../../../support/random.ts';
import { elsewhere, Scene } from './scene.ts';

it('100,000 random datagrams leave the session alive and cost no DH', () => {
  const scene = new Scene();
  const { station } = scene;
  const random = new SeededRandom(11);
  const dhs = station.crypto.dhCount;
  for (let n = 0; n < 100_000; n++) {
    const datagram = random.bytes(random.below(200));
    if (n % 2 === 0) datagram.set([1 + random.below(4), 0, 0, 0].slice(0, datagram.length));
    if (n % 8 === 0 && datagram.length >= 8)
      new DataView(datagram.buffer).setUint32(4, scene.live.remoteIndex, true);
    station.receive(datagram, elsewhere);
  }
  expect(station.crypto.dhCount).toBe(dhs);
  expect(station.delivered).toEqual([]);
  expect(Object.values(station.drops()).reduce((sum, count) => sum + count)).toBe(100_000);
  scene.expectEcho();
});
