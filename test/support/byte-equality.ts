// What `toEqual` does before it compares arrays of bytes one element after the other, with an object made for each.
import { expect } from 'vitest';

/** Equal is what has the same bytes and the same class; of all else `toEqual` has to say itself what differs. */
function sameBytes(a: unknown, b: unknown): true | undefined {
  if (!(a instanceof Uint8Array && b instanceof Uint8Array) || a.constructor !== b.constructor)
    return undefined;
  return Buffer.compare(a, b) === 0 ? true : undefined;
}

expect.addEqualityTesters([sameBytes]);
