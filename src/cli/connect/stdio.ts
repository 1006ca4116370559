import { finished } from 'node:stream/promises';
import type { Place } from '../places.ts';
import { connectInside, type Inside } from './inside.ts';

/**
 * -W: what comes on standard input goes to the host inside, and back. Resolves when that host has ended its side and all of
 * it is written: nobody hears what else could be said.
 */
export async function joinStandardStreams(
  inside: Inside,
  place: Place,
  streams: { stdin: NodeJS.ReadableStream; stdout: NodeJS.WritableStream } = process,
): Promise<void> {
  const inner = await connectInside(inside, place);
  const { stdin, stdout } = streams;
  // Whoever read it has gone: then so do we.
  stdout.once('error', () => inner.destroy());
  stdin.pipe(inner);
  inner.pipe(stdout, { end: false });
  await finished(inner, { writable: false });
  await new Promise<void>((resolve) => stdout.write('', () => resolve()));
  stdin.unpipe(inner);
  inner.destroy();
}
