// One of Node's streams as the two of the web, for a layer of TLS.

import type { Duplex } from 'node:stream';
import { Buffer } from 'buffer';

export interface StreamPair {
  readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  writable: WritableStream<BufferSource>;
}

/** Whoever has these has the stream: it must not be read or written otherwise. */
export function pairOf(duplex: Duplex): StreamPair {
  return { readable: readableOf(duplex), writable: writableOf(duplex) };
}

function readableOf(duplex: Duplex): ReadableStream<Uint8Array<ArrayBuffer>> {
  // What has ended, or was cancelled, cannot end again.
  let isOver = false;
  const finish = (how: () => void) => () => {
    if (!isOver) how();
    isOver = true;
  };
  return new ReadableStream({
    start(controller) {
      duplex.on('data', (data: Uint8Array<ArrayBuffer>) => {
        if (isOver) return;
        controller.enqueue(data);
        if ((controller.desiredSize ?? 0) <= 0) duplex.pause();
      });
      const end = finish(() => controller.close());
      duplex.on('end', end).on('close', end);
      duplex.on('error', (error: Error) => finish(() => controller.error(error))());
    },
    pull: () => void duplex.resume(),
    cancel: finish(() => duplex.destroy()),
  });
}

function writableOf(duplex: Duplex): WritableStream<BufferSource> {
  return new WritableStream({
    write: (chunk) => done((callback) => duplex.write(bytesOf(chunk), callback)),
    close: () => done((callback) => duplex.end(callback)),
    abort: () => void duplex.destroy(),
  });
}

function done(work: (callback: (error?: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => work((error) => (error ? reject(error) : resolve())));
}

function bytesOf(chunk: BufferSource): Buffer {
  return ArrayBuffer.isView(chunk)
    ? Buffer.from(chunk.buffer as ArrayBuffer, chunk.byteOffset, chunk.byteLength)
    : Buffer.from(chunk);
}
