import type { Duplex } from 'node:stream';
import type { RelayCounters } from './counters.ts';
import { networksOf, Tally } from './limits.ts';

/**
 * Connections that are no session: silent ones, requests that do not end, WebSockets that have shown no token. They cost
 * nothing to make, so nobody is turned away because of them: when all places are taken, the network that has most of them
 * loses the one that it has had for longest. Who floods them floods their own.
 */
export class Strangers {
  readonly #places: number;
  readonly #counters: Pick<RelayCounters, 'evicted'>;
  readonly #what: string;
  /** Whose network is which; who has been here longest is first. */
  readonly #networks = new Map<Duplex, string>();
  readonly #perNetwork = new Tally();

  /** `what`: as which those who make room are counted. */
  constructor(places: number, counters: Pick<RelayCounters, 'evicted'>, what = 'unauthenticated') {
    this.#places = places;
    this.#counters = counters;
    this.#what = what;
  }

  get size(): number {
    return this.#networks.size;
  }

  /** From this address; it may be known better now than it was at first. */
  enter(socket: Duplex, address: string): void {
    if (!this.leave(socket)) socket.once('close', () => this.leave(socket));
    const network = networkKey(address);
    this.#networks.set(socket, network);
    this.#perNetwork.add(network);
    if (this.size > this.#places) this.#evict();
  }

  /** Gone, or a session now. False if it was not here. */
  leave(socket: Duplex): boolean {
    const network = this.#networks.get(socket);
    if (network === undefined) return false;
    this.#networks.delete(socket);
    this.#perNetwork.remove(network);
    return true;
  }

  #evict(): void {
    const { most } = this.#perNetwork;
    for (const [socket, network] of this.#networks) {
      if (this.#perNetwork.of(network) < most) continue;
      this.leave(socket);
      socket.destroy();
      this.#counters.evicted.count(this.#what);
      return;
    }
  }
}

/** Who shares the places: what one provider gives to one customer, or little more. */
function networkKey(address: string): string {
  return networksOf(address).at(-2) ?? address;
}
