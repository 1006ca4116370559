import { expect, it } from 'vitest';
import { Load } from '../../../src/core/wireguard/load.ts';

it('is high from 128 waiting messages on, and for a second after', () => {
  const load = new Load();
  expect(load.isHigh(127, 5000)).toBe(false);
  expect(load.isHigh(128, 6000)).toBe(true);
  expect(load.isHigh(0, 6999.9)).toBe(true);
  expect(load.isHigh(0, 7000)).toBe(false);
});

it('is high from the 101st message within a second on', () => {
  const load = new Load();
  for (let n = 0; n < 100; n++) load.arrived(5000 + 10 * n);
  expect(load.isHigh(0, 5990)).toBe(false);
  load.arrived(5999.9);
  expect(load.isHigh(0, 5999.9)).toBe(true);
  expect(load.isHigh(0, 6999.8)).toBe(true);
  expect(load.isHigh(0, 6999.9)).toBe(false);
});

it('is not high while messages come at 100 a second, for as long as you like', () => {
  const load = new Load();
  for (let n = 0; n < 1000; n++) {
    load.arrived(10 * n);
    expect(load.isHigh(0, 10 * n)).toBe(false);
  }
});

it('looks at the last second, not at seconds of a clock', () => {
  const load = new Load();
  for (let n = 0; n < 60; n++) load.arrived(5900);
  for (let n = 0; n < 40; n++) load.arrived(6100);
  expect(load.isHigh(0, 6100)).toBe(false);
  load.arrived(6100);
  expect(load.isHigh(0, 6100)).toBe(true);
});
