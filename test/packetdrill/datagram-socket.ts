import type { SocketAddress } from '../../src/core/address.ts';
import type { UdpBinding, UdpMarks } from '../../src/core/netstack/udp-binding.ts';
import type { UdpMessage } from '../../src/core/netstack/udp-ring.ts';
import { CONSTANTS } from './constants.ts';
import { errorName } from './stream-socket.ts';

/** A UDP socket as a POSIX program has it. */
export class DatagramSocket {
  isNonBlocking = false;
  binding: UdpBinding | undefined;
  /** Of all that is sent. */
  readonly marks: UdpMarks = {};
  /** Something happened that an edge-triggered epoll must tell. */
  readonly edges = new Set<() => void>();
  #next: UdpMessage | undefined;
  /** An error that no call has reported yet. */
  #error: string | undefined;

  /** A binding that takes the place of the one before. */
  adopt(binding: UdpBinding): void {
    this.binding?.close();
    this.binding = binding;
    binding.observer = {
      readable: () => this.#happened(),
      failed: (error) => {
        this.#error = errorName(error);
        this.#happened();
      },
    };
  }

  get remote(): SocketAddress | undefined {
    return this.binding?.remote;
  }

  /** The oldest message, which stays. */
  peek(): UdpMessage | undefined {
    this.#next ??= this.binding?.receive();
    return this.#next;
  }

  take(): UdpMessage | undefined {
    const next = this.peek();
    this.#next = undefined;
    return next;
  }

  /** The pending error, once. */
  takeError(): string | undefined {
    const error = this.#error;
    this.#error = undefined;
    return error;
  }

  /** POLL… bits that hold now. */
  readiness(): number {
    const { POLLIN, POLLOUT, POLLERR } = CONSTANTS as Record<string, number>;
    return POLLOUT! | (this.peek() ? POLLIN! : 0) | (this.#error === undefined ? 0 : POLLERR!);
  }

  #happened(): void {
    for (const tell of this.edges) tell();
  }
}
