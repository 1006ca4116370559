import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

const INITIATION = 148;

/** The endpoint: notes what comes, and never answers. */
export class Witness {
  datagrams = 0;
  others = 0;
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (message) => {
      this.datagrams++;
      if (message.length !== INITIATION || message.readUInt32LE(0) !== 1) this.others++;
    });
  }

  static async open(): Promise<Witness> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new Witness(socket);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  close(): void {
    this.#socket.close();
  }
}
