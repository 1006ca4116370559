// Six seconds of a bad network between us and a real peer, each with its seed: what gets through is whole, comes once, and is
// from whom it says; and a session begins in the time that the losses allow (one try each 5.34 s).
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../support/child-process.ts';
import type { ProxyProfile } from '../support/datagram-proxy.ts';
import { expect, test } from '../support/mesh-test.ts';
import { answered, type Way } from '../support/our-side.ts';
import { INNER } from '../support/real-peer.ts';

interface Weather {
  name: string;
  profile: ProxyProfile;
  /** Of the losses; where it loses or damages at all, our first initiation too. */
  seed: number;
  /** Milliseconds until the session, at most: one try each 5.34 s, and the way. */
  session: number;
  /** The share of the echoes that comes back. */
  atLeast: number;
  atMost?: number;
  ways?: readonly Way[];
  core?: boolean;
}

const ONE_TRY = 5340;
const DIRECTLY: readonly Way[] = ['directly'];

const WEATHERS: readonly Weather[] = [
  { name: 'clean', profile: {}, session: 1000, atLeast: 1, seed: 3 },
  { name: '1 % loss', profile: { loss: 0.01 }, session: 1000 + ONE_TRY, atLeast: 0.93, seed: 181 },
  {
    name: '20 % loss both ways',
    profile: { loss: 0.2 },
    seed: 5,
    session: 1000 + 3 * ONE_TRY,
    atLeast: 0.5,
    atMost: 0.78,
    ways: ['directly', 'through the relay'],
  },
  {
    name: 'half of it up to 200 ms late',
    profile: { reorder: 0.5, jitter: 200 },
    seed: 3,
    session: 2000,
    atLeast: 1,
    ways: ['directly', 'through the relay'],
    core: true,
  },
  { name: 'all of it twice', profile: { duplicate: 1 }, session: 1000, atLeast: 1, seed: 3 },
  {
    name: '5 % with a bit flipped',
    profile: { corrupt: 0.05 },
    seed: 8,
    session: 1000 + 2 * ONE_TRY,
    atLeast: 0.8,
    atMost: 0.98,
  },
  { name: '600 ms each way', profile: { delay: 600 }, session: 2500, atLeast: 1, seed: 3 },
  {
    name: 'one second dark of every four',
    profile: { blackout: { length: 1000, every: 4000 } },
    seed: 3,
    session: 1000 + 2 * ONE_TRY,
    atLeast: 0.6,
    atMost: 0.92,
  },
  {
    name: 'another port each second',
    profile: { rebindEvery: 1000 },
    seed: 3,
    session: 1000,
    atLeast: 0.9,
    ways: ['directly', 'through the relay'],
  },
];

const ECHOES = { port: 7, count: 300, interval: 20, size: 300, linger: 1500 };

for (const { name, profile, seed, session, atLeast, atMost = 1, ways = DIRECTLY, core } of WEATHERS)
  for (const way of ways)
    test(`${name}, ${way}${core && way === 'directly' ? ' @core' : ''}`, async ({ startMesh }) => {
      test.setTimeout(60_000);
      const mesh = await startMesh({ way, peers: [{ services: true, proxy: profile, seed }] });
      // The weather begins now, in particular with a second of darkness.
      mesh.proxy.impair(profile);
      await mesh.us.open(mesh.config());
      await until(
        'the session',
        async () => (await mesh.us.status()).peers[0]!.latestHandshake !== undefined,
        session,
      );
      const came = await mesh.us.echoes(INNER.peer4, ECHOES);
      const numbers = came.map(({ number }) => number);
      expect(new Set(numbers).size, 'nothing is delivered twice').toBe(numbers.length);
      expect(
        came.filter(({ isWhole, from }) => !isWhole || from !== INNER.peer4),
        'nothing is altered, and nothing from elsewhere',
      ).toEqual([]);
      expect(came.length).toBeGreaterThanOrEqual(atLeast * ECHOES.count);
      expect(came.length).toBeLessThanOrEqual(atMost * ECHOES.count);
      const { drops } = await mesh.us.status();
      expect(drops.netstack, 'what WireGuard passes is as it was sent').toEqual({});
      if (profile.duplicate) expect(drops.wireguard.replay).toBeGreaterThan(250);
      if (profile.corrupt) expect(Object.keys(drops.wireguard)).not.toEqual([]);
      if (profile.reorder) expect(numbers).not.toEqual([...numbers].sort((a, b) => a - b));
      mesh.proxy.impair({});
      expect(await answered(mesh.us, INNER.peer4, { count: 3 }), 'and the sun comes out').toBe(3);
      expect((await mesh.peer.show()).endpoint, 'the peer follows').toBe(mesh.proxy.source);
    });

test('3 s each way, directly: an answer is always to the try before, so no session begins; and nothing else breaks', async ({
  startMesh,
}) => {
  const mesh = await startMesh({ way: 'directly', peers: [{ proxy: { delay: 3000 }, seed: 7 }] });
  await mesh.us.open(mesh.config());
  await delay(12_500);
  const { peers, drops } = await mesh.us.status();
  expect(peers[0]).toMatchObject({ latestHandshake: undefined, handshakeAttempts: 3 });
  expect(drops.wireguard).toEqual({ unexpected_response: 2 });
  mesh.proxy.impair({ delay: 100 });
  await mesh.us.ready();
  expect(await answered(mesh.us, INNER.peer4, { count: 3 })).toBe(3);
});
