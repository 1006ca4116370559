import type { SocketAddress } from '../../address.ts';
import type { Environment } from '../../environment.ts';
import type { Instant } from '../../time.ts';

/** RFC 9293 §3.4.1: M advances by one every 4 µs. */
const TICKS_PER_MS = 250;

/** Numbers that belong to a connection's addresses and that nobody off the path can guess (RFC 6528). */
export class InitialNumbers {
  readonly #environment: Environment;
  readonly #sequenceKey = new Uint8Array(16);
  readonly #timestampKey = new Uint8Array(16);

  constructor(environment: Environment) {
    this.#environment = environment;
    environment.fillRandom(this.#sequenceKey);
    environment.fillRandom(this.#timestampKey);
  }

  /** ISN = M + F(addresses, ports, secret). */
  sequence(local: SocketAddress, remote: SocketAddress, now: Instant): number {
    return (Math.floor(now * TICKS_PER_MS) + this.#hash(this.#sequenceKey, local, remote)) | 0;
  }

  /** Timestamps begin anywhere, but go on from one incarnation to the next (RFC 7323 §5.4). */
  timestampOffset(local: SocketAddress, remote: SocketAddress): number {
    return this.#hash(this.#timestampKey, local, remote) | 0;
  }

  #hash(key: Uint8Array, local: SocketAddress, remote: SocketAddress): number {
    const { size } = local.address;
    const message = new Uint8Array(2 * size + 4);
    const view = new DataView(message.buffer);
    local.address.writeTo(view, 0);
    remote.address.writeTo(view, size);
    view.setUint16(2 * size, local.port);
    view.setUint16(2 * size + 2, remote.port);
    return this.#environment.crypto.sipHash(key, message)[0];
  }
}
