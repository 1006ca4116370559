import type { IpAddress } from '../address.ts';
import type { Environment } from '../environment.ts';

/** The label of a flow whose way may be broken: routers that spread load by labels may send it by another (RFC 6438). */
export function otherFlowLabel(label: number): number {
  return label === 0 ? 0 : Math.imul(label, 0x9e3779b1) >>> 12 || 1;
}

/**
 * IPv6 flow labels (RFC 6437 §3): one for each flow, so that routers which spread load keep its packets together; a
 * keyed hash, so that it tells nobody anything.
 */
export class FlowLabels {
  readonly #environment: Environment;
  readonly #key = new Uint8Array(16);

  constructor(environment: Environment) {
    this.#environment = environment;
    environment.fillRandom(this.#key);
  }

  /** 20 bits, not zero; zero for IPv4, which has none. Ports are whatever else tells flows apart. */
  of(
    source: IpAddress,
    destination: IpAddress,
    protocol: number,
    sourcePort: number,
    destinationPort: number,
  ): number {
    if (source.version === 4) return 0;
    const message = new Uint8Array(37);
    const view = new DataView(message.buffer);
    source.writeTo(view, 0);
    destination.writeTo(view, 16);
    view.setUint8(32, protocol);
    view.setUint16(33, sourcePort);
    view.setUint16(35, destinationPort);
    return this.#environment.crypto.sipHash(this.#key, message)[0] & 0xfffff || 1;
  }
}
