// The byte at offset n of a bench stream is n modulo 251 (c/traffic.c): whatever is lost, repeated or misplaced shows.
const PERIOD = 251;
const CHUNKS = 512;
const repeated = Uint8Array.from({ length: PERIOD * (CHUNKS + 1) }, (_, i) => i % PERIOD);

/** So many bytes of the stream from `offset` on; at most 128 KiB. */
export function patternAt(offset: number, length: number): Uint8Array {
  const start = offset % PERIOD;
  return repeated.subarray(start, start + length);
}
