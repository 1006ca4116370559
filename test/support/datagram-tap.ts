import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** One who sent through the tap. */
export interface Tapped {
  /** Datagrams, by message type. */
  readonly sent: Map<number, number>;
  /** Those towards the target, in order. */
  readonly datagrams: Buffer[];
  readonly back: Socket;
}

/** Stands before a WireGuard peer on loopback, forwards for any number of clients, and counts who sent what. */
export class DatagramTap {
  readonly port: number;
  /** By source port, in order of appearance. */
  readonly clients = new Map<number, Tapped>();
  readonly #front: Socket;

  private constructor(front: Socket, target: number) {
    this.#front = front;
    this.port = front.address().port;
    front.on('message', (datagram, from) => {
      const client = this.clients.get(from.port) ?? this.#meet(from.port);
      const type = datagram[0]!;
      client.sent.set(type, (client.sent.get(type) ?? 0) + 1);
      client.datagrams.push(Buffer.from(datagram));
      client.back.send(datagram, target, '127.0.0.1');
    });
  }

  /** Forwards to 127.0.0.1:`target`. */
  static async start(target: number): Promise<DatagramTap> {
    const front = createSocket('udp4').bind(0, '127.0.0.1');
    await once(front, 'listening');
    return new DatagramTap(front, target);
  }

  stop(): void {
    this.#front.close();
    for (const { back } of this.clients.values()) back.close();
  }

  #meet(port: number): Tapped {
    const back = createSocket('udp4').bind(0, '127.0.0.1');
    back.on('message', (datagram) => this.#front.send(datagram, port, '127.0.0.1'));
    const client = { sent: new Map<number, number>(), datagrams: [], back };
    this.clients.set(port, client);
    return client;
  }
}
