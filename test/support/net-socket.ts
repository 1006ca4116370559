import { connect, type Socket } from 'node:net';
import { networkError } from '../../src/client/errors.ts';
import type { Dial } from '../../src/client/http/connection.ts';
import { type Duplex, tlsUnavailable } from '../../src/client/tls.ts';
import { TunnelError } from '../../src/core/errors.ts';

/** What the tunnel's Dialer does, over the loopback of this machine: every host and port lead to `portOf` them. */
export function dialLoopback(portOf: (host: string, port: number) => number): Dial {
  return async ({ hostname, port }, { secure, signal }) => {
    if (secure) throw tlsUnavailable();
    const to = { port: portOf(hostname, port), host: '127.0.0.1', noDelay: true, allowHalfOpen: true };
    return open(connect(to), signal);
  };
}

async function open(socket: Socket, signal: AbortSignal | undefined): Promise<Duplex> {
  const readable = readableOf(socket);
  await new Promise<void>((resolve, reject) => {
    const refused = networkError(new TunnelError('ERR_CONNECTION_REFUSED', 'Nobody listens.'));
    socket.once('connect', resolve).once('error', () => reject(refused));
    const stop = () => {
      socket.destroy(signal!.reason as Error);
      reject(signal!.reason as Error);
    };
    if (signal?.aborted) stop();
    signal?.addEventListener('abort', stop, { once: true });
  });
  return { readable, writable: writableOf(socket) };
}

function readableOf(socket: Socket): ReadableStream<Uint8Array<ArrayBuffer>> {
  let isOver = false;
  return new ReadableStream({
    type: 'bytes',
    start(controller) {
      socket.pause();
      socket.on('data', (bytes) => {
        controller.enqueue(new Uint8Array(bytes as Buffer));
        socket.pause();
      });
      socket.on('end', () => {
        if (isOver) return;
        isOver = true;
        controller.close();
        controller.byobRequest?.respond(0);
      });
      socket.on('error', (error: NodeJS.ErrnoException) => {
        if (isOver) return;
        isOver = true;
        const isReset = error.code === 'ECONNRESET';
        controller.error(isReset ? networkError(new TunnelError('ERR_CONNECTION_RESET', 'Reset.')) : error);
      });
    },
    pull: () => void socket.resume(),
    cancel() {
      isOver = true;
      socket.resume();
    },
  }) as ReadableStream<Uint8Array<ArrayBuffer>>;
}

function writableOf(socket: Socket): WritableStream<BufferSource> {
  return new WritableStream({
    write: (chunk) =>
      new Promise((resolve, reject) => {
        socket.write(chunk as Uint8Array, (error) => (error ? reject(error) : resolve()));
      }),
    close: () => void socket.end(),
    abort: () => void socket.end(),
  });
}
