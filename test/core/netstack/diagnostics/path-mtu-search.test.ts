import { describe, expect, it } from 'vitest';
import type { TunnelError } from '../../../../src/core/errors.ts';
import { PathMtuSearch } from '../../../../src/core/netstack/diagnostics/path-mtu-search.ts';
import { NEVER } from '../../../../src/core/time.ts';
import { PEER_V4, PEER_V6 } from '../../../support/lone-stack.ts';
import { FakePath, type FakePathOptions } from './fake-path.ts';

function search(options: FakePathOptions) {
  const fake = new FakePath(options);
  let result: number | string | undefined;
  const running = new PathMtuSearch(fake.lone.stack, fake.host, {
    found: (mtu) => {
      result = mtu;
    },
    failed: (error: TunnelError) => {
      result = error.code;
    },
  });
  const startedAt = fake.lone.now;
  fake.run(running);
  expect(running.pollAt()).toBe(NEVER);
  return { result, fake, took: fake.lone.now - startedAt, sizes: fake.sent.map(({ length }) => length) };
}

for (const [name, host, routers] of [
  ['IPv4', PEER_V4, ['192.0.2.1', '192.0.2.2']],
  ['IPv6', PEER_V6, ['2001:db8::1', '2001:db8::2']],
] as const)
  describe(`the search for a path’s MTU over ${name}`, () => {
    it('is over at once when the largest packet passes', () => {
      const { result, sizes, fake } = search({ host, routers });
      expect(result).toBe(1420);
      expect(sizes).toEqual([1420]);
      if (name === 'IPv4') expect(fake.sent[0]![6]).toBe(0x40);
    });

    it('tries what routers say', () => {
      const { result, sizes } = search({ host, routers, mtus: [1400, 1333] });
      expect(result).toBe(1333);
      expect(sizes).toEqual([1420, 1400, 1333]);
    });

    it('finds out by halves when routers are silent, to the byte', () => {
      for (const mtu of [1280, 1281, 1300, 1419]) {
        const { result, took } = search({ host, routers, mtus: [undefined, mtu], isSilent: true });
        expect(result).toBe(mtu);
        expect(took).toBeLessThan(15_000);
      }
    });

    it('does not take a lost probe for a verdict', () => {
      for (const lost of [1, 2]) expect(search({ host, routers, lost }).result).toBe(1420);
      expect(search({ host, routers, lost: 2, mtus: [1350] }).result).toBe(1350);
    });

    it('says so when the host does not answer at all', () => {
      const { result, sizes } = search({ host, routers, isAlive: false });
      expect(result).toBe('ERR_TIMEOUT');
      expect(sizes.length).toBe(6);
    });

    it('says so when a router knows no way', () => {
      expect(search({ host, routers, refusal: name === 'IPv4' ? [3, 1] : [1, 0] }).result).toBe(
        'ERR_HOST_UNREACHABLE',
      );
    });

    it('stays above what every link carries', () => {
      const least = name === 'IPv4' ? 68 : 1280;
      expect(search({ host, routers, mtus: [least] }).result).toBe(least);
      // An impossible word is not believed.
      expect(search({ host, routers, mtus: [least - 1] }).result).toBe('ERR_HOST_UNREACHABLE');
    });
  });

it('finds out by halves when old routers do not say what would fit', () => {
  const { result, took } = search({
    host: PEER_V4,
    routers: ['192.0.2.1'],
    mtus: [1006],
    isVague: true,
  });
  expect(result).toBe(1006);
  expect(took).toBeLessThan(100);
});
