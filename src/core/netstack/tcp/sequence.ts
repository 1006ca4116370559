// Sequence numbers and timestamps live on a circle of 2^32 (RFC 9293 §3.4). They are int32 in memory, and nothing
// outside this file compares two of them with an operator.

/** a − b, right while the two are less than 2^31 apart. */
export function diff(a: number, b: number): number {
  return (a - b) | 0;
}

export function add(sequence: number, length: number): number {
  return (sequence + length) | 0;
}

export function lt(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}

export function le(a: number, b: number): boolean {
  return ((a - b) | 0) <= 0;
}

export function gt(a: number, b: number): boolean {
  return ((a - b) | 0) > 0;
}

export function ge(a: number, b: number): boolean {
  return ((a - b) | 0) >= 0;
}

/** The later of the two. */
export function later(a: number, b: number): number {
  return ((a - b) | 0) < 0 ? b : a;
}

/** The earlier of the two. */
export function earlier(a: number, b: number): number {
  return ((a - b) | 0) < 0 ? a : b;
}
