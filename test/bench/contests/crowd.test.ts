import { expect, it } from 'vitest';
import { jain } from './crowd.ts';

it('is 1 where all have the same, and 1/n where one has all', () => {
  expect(jain(Float64Array.of(5, 5, 5, 5))).toBe(1);
  expect(jain(Float64Array.of(8, 0, 0, 0))).toBe(0.25);
  expect(jain(Float64Array.of(1, 2))).toBeCloseTo(0.9);
});
