import { expect, it } from 'vitest';
import { TokenBucket } from '../../src/core/token-bucket.ts';

it('gives a burst at once, then its rate, and never saves more than the burst', () => {
  const bucket = new TokenBucket(10, 3);
  const take = (now: number) => bucket.take(1, now);
  expect([take(0), take(0), take(0), take(0)]).toEqual([true, true, true, false]);
  expect([take(99), take(100), take(101)]).toEqual([false, true, false]);
  expect([take(9999), take(9999), take(9999), take(9999)]).toEqual([true, true, true, false]);
});

it('takes nothing when there is not enough, and looking costs nothing', () => {
  const bucket = new TokenBucket(10, 3);
  expect(bucket.take(4, 0)).toBe(false);
  expect(bucket.has(3, 0)).toBe(true);
  expect(bucket.take(3, 0)).toBe(true);
  expect(bucket.has(1, 0)).toBe(false);
});

it('can be charged beyond what it holds, and says when it will hold enough', () => {
  const bucket = new TokenBucket(10, 3);
  expect(bucket.availableAt(3)).toBeLessThanOrEqual(0);
  expect(bucket.take(2, 1000)).toBe(true);
  bucket.charge(3);
  expect(bucket.availableAt(0)).toBe(1200);
  expect(bucket.availableAt(1)).toBe(1300);
  expect([bucket.has(1, 1299), bucket.has(1, 1300)]).toEqual([false, true]);
});

it('is not refilled by a clock that goes back', () => {
  const bucket = new TokenBucket(1, 1);
  expect([bucket.take(1, 1000), bucket.take(1, 0), bucket.take(1, 1000)]).toEqual([true, false, false]);
});
