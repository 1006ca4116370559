import { expect, it } from 'vitest';
import { bracketed, hostAndPort } from '../../src/core/host-port.ts';

it('puts an IPv6 address in brackets, and nothing else', () => {
  expect(hostAndPort('fd00::1', 80)).toBe('[fd00::1]:80');
  expect(hostAndPort('10.0.0.1', 80)).toBe('10.0.0.1:80');
  expect(hostAndPort('db.internal', 80)).toBe('db.internal:80');
  expect(bracketed('::')).toBe('[::]');
});
