import type { PairState } from './gate.ts';
import type { Ticket } from './tickets.ts';

/** A channel that goes on. */
export interface KeptChannel {
  readonly address: string;
  readonly pairs: readonly PairState[];
  /** How long ago the pairs had their age, in ms. */
  readonly elapsed: number;
}

/** What RESUME brought: each channel waits for an OPEN that asks for the same, which is judged like any other. */
export class Kept {
  readonly #ticket: Ticket;
  readonly #elapsed: number;

  /** @param now wall clock, in ms */
  constructor(ticket: Ticket, now: number) {
    this.#ticket = ticket;
    this.#elapsed = now - ticket.issued;
  }

  take(number: number, place: string, listens: boolean): KeptChannel | undefined {
    const kept = this.#ticket.channels.find((channel) => channel.number === number);
    if (kept?.place !== place || kept.listens !== listens) return undefined;
    return { address: kept.address, pairs: kept.pairs, elapsed: this.#elapsed };
  }
}
