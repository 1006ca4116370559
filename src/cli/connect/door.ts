import { once } from 'node:events';
import { type AddressInfo, createServer, isIP, type Server, type Socket } from 'node:net';
import { type Place, printPlace } from '../places.ts';
import { reasonOf } from '../system-error.ts';

/** Connections that one listener serves at a time; those beyond are closed as they come. */
export const MAX_CONNECTIONS = 1024;

/** A TCP listener of this machine, before something inside the tunnel. */
export class Door {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  /** `server`, with what it does with connections already told. */
  constructor(server: Server) {
    this.#server = server;
    server.maxConnections = MAX_CONNECTIONS;
    server.on('connection', (socket: Socket) => {
      socket.setNoDelay();
      socket.on('error', () => {});
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  /** One that hands each connection to `serve`, not yet read from. */
  static for(serve: (socket: Socket) => void): Door {
    return new Door(createServer({ allowHalfOpen: true, pauseOnConnect: true }, serve));
  }

  /** Returns where it listens now. Rejects with one sentence. */
  async open(flag: string, place: Place): Promise<Place> {
    const host = place.host === 'localhost' ? '127.0.0.1' : place.host;
    if (isIP(host) === 0)
      throw new Error(
        `${flag} "${place.host}": a place to listen at is an address, such as 127.0.0.1 or [::1]`,
      );
    this.#server.listen({ host, port: place.port });
    try {
      await once(this.#server, 'listening');
    } catch (error) {
      throw new Error(`${flag}: cannot listen on ${printPlace(place)}: ${reasonOf(error)}`);
    }
    this.#server.on('error', () => {});
    return { host, port: (this.#server.address() as AddressInfo).port };
  }

  /** Stops listening and ends what was let in. */
  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
