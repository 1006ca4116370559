import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { pattern, sha256 } from './bytes.ts';

/** Text and a megabyte that come back, a ping, and how it closes. */
export async function websocket(url: string) {
  const socket = new WebSocket(url, ['echo']);
  const pinged = once(socket, 'ping');
  await once(socket, 'open');
  const [ping] = (await pinged) as [Buffer];
  socket.send('grüß Gott');
  const [text] = (await once(socket, 'message')) as [Buffer];
  const bytes = pattern(1_000_003);
  socket.send(bytes);
  const [echo, isBinary] = (await once(socket, 'message')) as [Buffer, boolean];
  const closed = once(socket, 'close');
  socket.close(3001, 'enough');
  const [code, reason] = (await closed) as [number, Buffer];
  return {
    protocol: socket.protocol,
    extensions: socket.extensions,
    ping: ping.toString(),
    text: text.toString(),
    isBinary,
    isBuffer: Buffer.isBuffer(echo),
    isWhole: sha256(echo) === sha256(bytes),
    close: [code, reason.toString()],
  };
}

/** What the package says of a server that does not speak it. */
export async function websocketRefused(url: string): Promise<string> {
  const [error] = (await once(new WebSocket(url), 'error')) as [Error];
  return error.message;
}
