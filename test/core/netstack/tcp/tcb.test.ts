import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RoundTrip } from '../../../../src/core/netstack/tcp/round-trip.ts';
import { Tcb } from '../../../../src/core/netstack/tcp/tcb.ts';

/** What the compiler believes because of a `declare` must be an accessor to the row. */
describe.each([
  ['tcb.ts', Tcb.prototype],
  ['round-trip.ts', RoundTrip.prototype],
])('every field that %s declares', (file, prototype) => {
  const text = readFileSync(join(import.meta.dirname, '../../../../src/core/netstack/tcp', file), 'utf8');
  const names = [...text.matchAll(/^ {2}declare (?:readonly )?(\w+):/gm)].map(([, name]) => name!);

  it('has its place in the row', () => {
    expect(names.length).toBeGreaterThan(4);
    expect(names.filter((name) => !Object.hasOwn(prototype, name))).toEqual([]);
  });
});
