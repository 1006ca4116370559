import type { IpAddress, SocketAddress } from '../address.ts';
import { UDP_MESSAGE_OVERHEAD } from './udp-ring.ts';

/** Of messages that have not left yet, in bytes, for each socket. */
const UDP_SEND_BYTES = 64 * 1024;

/** A message to be sent. */
export interface UdpOutgoing {
  readonly data: Uint8Array;
  readonly remote: SocketAddress;
  readonly ttl: number;
  readonly tos: number;
  /** Where another host, for which we stand in, sent it from; absent: its socket's own address and port. */
  readonly source?: SocketAddress;
}

/** Messages up to a number of bytes, oldest first. One finds room however large it is. */
export class UdpSendQueue {
  #messages: UdpOutgoing[] = [];
  #first = 0;
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#first === this.#messages.length;
  }

  /** Of the message that is taken next, in bytes; 0 if there is none. */
  get firstLength(): number {
    return this.#messages[this.#first]?.data.length ?? 0;
  }

  hasRoom(length: number): boolean {
    return this.isEmpty || this.#bytes + length + UDP_MESSAGE_OVERHEAD <= UDP_SEND_BYTES;
  }

  push(message: UdpOutgoing): void {
    this.#messages.push(message);
    this.#bytes += message.data.length + UDP_MESSAGE_OVERHEAD;
  }

  shift(): UdpOutgoing | undefined {
    if (this.isEmpty) return undefined;
    const message = this.#messages[this.#first++]!;
    this.#bytes -= message.data.length + UDP_MESSAGE_OVERHEAD;
    // Forget what was taken once it is half of the array, so that taking costs the same however long the queue is.
    if (this.#first * 2 >= this.#messages.length) {
      this.#messages = this.#messages.slice(this.#first);
      this.#first = 0;
    }
    return message;
  }
}

/** Destinations of whose path MTU news is believed; of more, the one longest not written to is forgotten. */
const REMEMBERED = 16;

/** Where a socket has sent to of late, and the largest packets that it sent there. */
export class UdpSent {
  readonly #destinations: { address: IpAddress; length: number }[] = [];

  /** A packet of `length` bytes, headers included. */
  note(address: IpAddress, length: number): void {
    const index = this.#destinations.findIndex((known) => known.address.equals(address));
    const known = this.#destinations[index];
    if (known && index === this.#destinations.length - 1) {
      known.length = Math.max(known.length, length);
      return;
    }
    if (known) this.#destinations.splice(index, 1);
    else if (this.#destinations.length === REMEMBERED) this.#destinations.shift();
    this.#destinations.push({ address, length: Math.max(known?.length ?? 0, length) });
  }

  /** The length of the largest packet that went there; 0 if none did. */
  to(destination: IpAddress): number {
    return this.#destinations.find(({ address }) => address.equals(destination))?.length ?? 0;
  }
}
