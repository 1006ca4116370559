import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';

export const INITIATION = 148;
export const RESPONSE = 92;

/** A handshake initiation by its outer form: type 1 and the sender's index; the rest is filler. */
export function initiation(sender: number, length = INITIATION): Buffer {
  const message = Buffer.alloc(length, 0x11);
  message.writeUInt32LE(1, 0);
  message.writeUInt32LE(sender, 4);
  return message;
}

export function response(sender: number, receiver: number): Buffer {
  const message = Buffer.alloc(RESPONSE, 0x22);
  message.writeUInt32LE(2, 0);
  message.writeUInt32LE(sender, 4);
  message.writeUInt32LE(receiver, 8);
  return message;
}

export function cookieReply(receiver: number): Buffer {
  const message = Buffer.alloc(64, 0x33);
  message.writeUInt32LE(3, 0);
  message.writeUInt32LE(receiver, 4);
  return message;
}

/** A transport message of `length` bytes in all; 32 is a keepalive. */
export function data(receiver: number, length = 100, fill = 0x44): Buffer {
  const message = Buffer.alloc(length, fill);
  message.writeUInt32LE(4, 0);
  message.writeUInt32LE(receiver, 4);
  return message;
}

/** Stands for a WireGuard peer, without crypto: answers initiations, echoes data, and can be told not to. */
export class FakeEndpoint {
  readonly socket: Socket;
  readonly received: Buffer[] = [];
  /** In every response, of every one. */
  static readonly INDEX = 0x00e0_0001;
  readonly index = FakeEndpoint.INDEX;
  answers = true;
  /** The client's index, of the last initiation. */
  clientIndex = 0;
  client: RemoteInfo | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('message', (message, from) => this.#receive(message, from));
  }

  static async open(host = '127.0.0.1', port?: number): Promise<FakeEndpoint> {
    const socket = createSocket({ type: host.includes(':') ? 'udp6' : 'udp4', recvBufferSize: 1 << 20 });
    for (;;) {
      // Below what the system gives to who asks for any: never the number of the relay's own port, which is refused.
      socket.bind(port ?? 28_000 + Math.floor(4000 * Math.random()), host);
      try {
        await once(socket, 'listening');
        break;
      } catch (error) {
        if (port !== undefined || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      }
    }
    return new FakeEndpoint(socket);
  }

  get port(): number {
    return this.socket.address().port;
  }

  ofType(type: number): Buffer[] {
    return this.received.filter((message) => message[0] === type);
  }

  /** To whoever wrote last. */
  send(message: Buffer): void {
    this.socket.send(message, this.client!.port, this.client!.address);
  }

  async close(): Promise<void> {
    this.socket.close();
    await once(this.socket, 'close');
  }

  #receive(message: Buffer, from: RemoteInfo): void {
    this.received.push(message);
    this.client = from;
    if (message[0] === 1 && message.length === INITIATION) {
      this.clientIndex = message.readUInt32LE(4);
      if (this.answers) this.send(response(this.index, this.clientIndex));
    } else if (message[0] === 4 && message.length > 32 && this.answers) {
      const echo = Buffer.from(message);
      echo.writeUInt32LE(this.clientIndex, 4);
      this.send(echo);
    }
  }
}
