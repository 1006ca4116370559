import { createWriteStream, fchmodSync, fstatSync, openSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { Tunnel } from '../../node/index.ts';

const OWNER_ONLY = 0o600;

/**
 * Writes a capture to a file that nobody else may read, until the tunnel ends. Rejects with one sentence if it cannot go on.
 * It has begun when this returns: what is sent next is in it.
 */
export async function record(
  tunnel: Pick<Tunnel, 'capture'>,
  { file, filter }: { file: string; filter: string },
): Promise<void> {
  const descriptor = openSync(file, 'w', OWNER_ONLY);
  // One that was there before keeps its permissions. What is no file, a pipe for one, is somebody else's to guard.
  if (fstatSync(descriptor).isFile()) fchmodSync(descriptor, OWNER_ONLY);
  const packets = tunnel.capture({ filter }) as unknown as AsyncIterable<Uint8Array>;
  await pipeline(packets, createWriteStream(file, { fd: descriptor }));
}
