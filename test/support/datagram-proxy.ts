import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

/** Stands between our side and a WireGuard peer: what it sends comes from the address that we take for the peer's. */
export class DatagramProxy {
  /** Where our side sends to. */
  readonly endpoint: string;
  /** The last datagram of the peer that went by. */
  lastFromPeer: Buffer | undefined;
  readonly #front: Socket;
  readonly #back: Socket;
  #ours: { port: number; address: string } | undefined;

  private constructor(front: Socket, back: Socket) {
    this.#front = front;
    this.#back = back;
    this.endpoint = `127.0.0.1:${front.address().port}`;
    front.on('message', (datagram, from) => {
      this.#ours = from;
      back.send(datagram);
    });
    back.on('message', (datagram) => {
      this.lastFromPeer = Buffer.from(datagram);
      this.#toUs(datagram);
    });
    // A peer that went away answers with ICMP, which is no reason to end.
    for (const socket of [front, back]) socket.on('error', () => {});
  }

  /** Forwards to 127.0.0.1:`port`. */
  static async start(port: number): Promise<DatagramProxy> {
    const [front, back] = [createSocket('udp4'), createSocket('udp4')];
    front.bind(0, '127.0.0.1');
    back.bind(0, '127.0.0.1');
    await Promise.all([once(front, 'listening'), once(back, 'listening')]);
    back.connect(port, '127.0.0.1');
    await once(back, 'connect');
    return new DatagramProxy(front, back);
  }

  /** Sends datagrams to our side as if the peer had; a short pause between keeps socket buffers from dropping any. */
  async inject(datagrams: Iterable<Uint8Array>): Promise<void> {
    for (const datagram of datagrams) {
      this.#toUs(datagram);
      await delay(1);
    }
  }

  stop(): void {
    this.#front.close();
    this.#back.close();
  }

  #toUs(datagram: Uint8Array): void {
    if (this.#ours) this.#front.send(datagram, this.#ours.port, this.#ours.address);
  }
}
