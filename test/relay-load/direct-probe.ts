import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

const EVERY = 10;
const ECHO = 2;

/** Datagrams to the peer without a relay, and how long they take there and back: what of a delay is the machine's. */
export class DirectProbe {
  readonly #socket: Socket;
  readonly #times: number[] = [];
  readonly #timer: NodeJS.Timeout;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (message) => {
      // Keepalives may be the peer's answer to somebody else.
      if (message.length === 100) this.#times.push(performance.now() - message.readDoubleLE(24));
    });
    this.#timer = setInterval(() => this.#send(), EVERY);
  }

  static async start(port: number): Promise<DirectProbe> {
    const socket = createSocket('udp4');
    socket.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new DirectProbe(socket);
  }

  /** The time, in ms, that 99 of 100 did not exceed. */
  stop(): number {
    clearInterval(this.#timer);
    this.#socket.close();
    const sorted = this.#times.sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN;
  }

  #send(): void {
    const datagram = Buffer.alloc(100);
    datagram.writeUInt32LE(4, 0);
    datagram[16] = ECHO;
    datagram.writeDoubleLE(performance.now(), 24);
    this.#socket.send(datagram);
  }
}
