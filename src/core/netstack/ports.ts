import type { IpAddress } from '../address.ts';
import type { Environment } from '../environment.ts';

/** RFC 6056 §3.2 allows any range from 1024 up; this is Linux's, clear of most servers' ports. */
export const FIRST_EPHEMERAL_PORT = 32_768;
export const LAST_EPHEMERAL_PORT = 60_999;

const PORTS = LAST_EPHEMERAL_PORT - FIRST_EPHEMERAL_PORT + 1;
const COUNTERS = 256;

/** Chooses local ports that someone off the path cannot guess (RFC 6056). */
export class EphemeralPorts {
  readonly #environment: Environment;
  readonly #offsetKey = new Uint8Array(16);
  readonly #indexKey = new Uint8Array(16);
  readonly #counters = new Uint16Array(COUNTERS);
  readonly #random = new Uint16Array(1);

  constructor(environment: Environment) {
    this.#environment = environment;
    environment.fillRandom(this.#offsetKey);
    environment.fillRandom(this.#indexKey);
    environment.fillRandom(new Uint8Array(this.#counters.buffer));
  }

  /**
   * A port for a connection to `remote`, by the double-hash algorithm (RFC 6056 §3.3.4): successive connections to
   * one place get successive ports, so that a port rests long before it is used again; other places learn nothing.
   * Undefined when all ports are taken.
   */
  next(
    local: IpAddress,
    remote: IpAddress,
    remotePort: number,
    isTaken: (port: number) => boolean,
  ): number | undefined {
    const message = destinationBytes(local, remote, remotePort);
    const { crypto } = this.#environment;
    const offset = crypto.sipHash(this.#offsetKey, message)[0] % PORTS;
    const index = crypto.sipHash(this.#indexKey, message)[0] % COUNTERS;
    for (let tries = 0; tries < PORTS; tries++) {
      const port = FIRST_EPHEMERAL_PORT + ((offset + this.#counters[index]!++) % PORTS);
      if (!isTaken(port)) return port;
    }
    return undefined;
  }

  /** A port by simple randomisation (RFC 6056 §3.3.1), for UDP, where answers are matched by the port alone. */
  random(isTaken: (port: number) => boolean): number | undefined {
    this.#environment.fillRandom(new Uint8Array(this.#random.buffer));
    const first = this.#random[0]! % PORTS;
    for (let tries = 0; tries < PORTS; tries++) {
      const port = FIRST_EPHEMERAL_PORT + ((first + tries) % PORTS);
      if (!isTaken(port)) return port;
    }
    return undefined;
  }
}

function destinationBytes(local: IpAddress, remote: IpAddress, remotePort: number): Uint8Array {
  const message = new Uint8Array(local.size + remote.size + 2);
  const view = new DataView(message.buffer);
  local.writeTo(view, 0);
  remote.writeTo(view, local.size);
  view.setUint16(message.length - 2, remotePort);
  return message;
}
