import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** TCP to a port of loopback over a way that is so long, in ms, in each direction; it carries as much as one likes. */
export class DelayProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** When the first answer of the latest connection reached the client, as ms since 1970. */
  answeredAt = 0;

  private constructor(server: Server, target: number, milliseconds: number) {
    this.#server = server;
    server.on('connection', (client) => {
      const far = connect(target, '127.0.0.1').setNoDelay();
      client.setNoDelay();
      this.#carry(client, far, milliseconds);
      this.#carry(far, client, milliseconds);
      far.once('data', () => {
        this.answeredAt = performance.timeOrigin + performance.now() + milliseconds;
      });
    });
  }

  static async start(target: number, milliseconds: number): Promise<DelayProxy> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new DelayProxy(server, target, milliseconds);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #carry(from: Socket, to: Socket, milliseconds: number): void {
    this.#sockets.add(from);
    from.on('error', () => to.destroy());
    from.on('data', (bytes) => setTimeout(() => to.write(bytes), milliseconds));
    from.on('close', () => setTimeout(() => to.end(), milliseconds));
  }
}
