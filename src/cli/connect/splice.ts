import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { isWhole } from '../../node/stream-duplex.ts';

/**
 * Leads each of two streams into the other, with their backpressure. The end of one direction is passed on and the other
 * goes on; what breaks breaks the other, too, as a reset where there is one, so that half of something never looks whole.
 */
export function splice(a: Duplex, b: Duplex): void {
  breakTogether(a, b);
  breakTogether(b, a);
  a.pipe(b).pipe(a);
}

/** Ends it in the way that says that something is missing. */
export function reset(stream: Duplex): void {
  if (stream instanceof Socket) stream.resetAndDestroy();
  else stream.destroy();
}

function breakTogether(first: Duplex, second: Duplex): void {
  first.on('error', () => {});
  if (first.destroyed) reset(second);
  else first.once('close', () => isWhole(first) || reset(second));
}
