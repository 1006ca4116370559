import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { Millis } from '../../src/core/time.ts';

/** Stands before a TCP server on loopback, and makes it far away: every byte takes its time, and so does connecting. */
export class LateProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(server: Server, sockets: Set<Socket>) {
    this.#server = server;
    this.#sockets = sockets;
    this.port = (server.address() as AddressInfo).port;
  }

  /** To 127.0.0.1:`port`, `roundTrip` away. */
  static async start(port: number, roundTrip: Millis): Promise<LateProxy> {
    const sockets = new Set<Socket>();
    const server = createServer({ noDelay: true }, (near) => {
      const far = connect({ port, host: '127.0.0.1', noDelay: true });
      for (const socket of [near, far]) {
        sockets.add(socket);
        socket.once('close', () => sockets.delete(socket));
        socket.on('error', () => socket.destroy());
      }
      // The client's first byte leaves a round trip after its SYN.
      carry(near, far, roundTrip / 2, performance.now() + roundTrip);
      carry(far, near, roundTrip / 2, 0);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new LateProxy(server, sockets);
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** Each chunk `delay` after it came, the first not before `from`. */
function carry(source: Socket, target: Socket, delay: Millis, from: number): void {
  const waiting: (() => void)[] = [];
  const later = (act: () => void) => {
    waiting.push(act);
    const wait = Math.max(0, from - performance.now()) + delay;
    // Whichever timer comes first, the order remains.
    setTimeout(() => waiting.shift()!(), wait);
  };
  source.on('data', (bytes) => later(() => target.write(bytes)));
  source.on('end', () => later(() => target.end()));
  source.on('close', () => later(() => target.destroy()));
}
