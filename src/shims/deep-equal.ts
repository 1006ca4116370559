// Node's util.isDeepStrictEqual and assert.deepEqual.

/** Loosely, `==` between what is no object; prototypes do not count. */
export function isDeepEqual(a: unknown, b: unknown, isStrict: boolean): boolean {
  return equal(a, b, isStrict, new Map());
}

function equal(a: unknown, b: unknown, isStrict: boolean, seen: Map<object, object>): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null)
    // biome-ignore lint/suspicious/noDoubleEquals: what the loose comparison is.
    return !isStrict && (a == b || (Number.isNaN(a) && Number.isNaN(b)));
  if (isStrict && Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  if (Object.prototype.toString.call(a) !== Object.prototype.toString.call(b)) return false;
  if (seen.get(a) === b) return true;
  seen.set(a, b);
  if (a instanceof Date || a instanceof Number || a instanceof String || a instanceof Boolean)
    return Object.is(a.valueOf(), b.valueOf());
  if (a instanceof RegExp) return String(a) === String(b);
  if (a instanceof Error && (a.message !== (b as Error).message || a.name !== (b as Error).name))
    return false;
  const same = (x: unknown, y: unknown) => equal(x, y, isStrict, seen);
  if (a instanceof Set) return sameMembers([...a], [...(b as Set<unknown>)], same);
  if (a instanceof Map) return sameMembers([...a], [...(b as Map<unknown, unknown>)], (x, y) => same(x, y));
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && same(a[key as never], b[key as never]));
}

/** In any order. */
function sameMembers(a: unknown[], b: unknown[], same: (x: unknown, y: unknown) => boolean): boolean {
  if (a.length !== b.length) return false;
  const left = [...b];
  return a.every((one) => {
    const at = left.findIndex((other) => same(one, other));
    if (at >= 0) left.splice(at, 1);
    return at >= 0;
  });
}
