import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { Tunnel } from '../../node/index.ts';

/**
 * Writes a capture to a file that nobody else may read, until the tunnel ends. Rejects with one sentence if it cannot go on.
 */
export async function record(
  tunnel: Pick<Tunnel, 'capture'>,
  { file, filter }: { file: string; filter: string },
): Promise<void> {
  const packets = tunnel.capture({ filter }) as unknown as AsyncIterable<Uint8Array>;
  await pipeline(packets, createWriteStream(file, { mode: 0o600 }));
}
