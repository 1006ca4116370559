import type { Channel } from './channel.ts';
import type { PairState } from './gate.ts';
import type { Ticket } from './tickets.ts';

/** A channel that goes on: itself, if it is in this process, or what a ticket says of it. */
export interface KeptChannel {
  readonly address: string;
  readonly channel: Channel | undefined;
  readonly pairs: readonly PairState[];
  /** How long ago the pairs had their age, in ms. */
  readonly elapsed: number;
}

/** What RESUME brought: each channel waits for an OPEN that asks for the same, which is judged like any other. */
export class Kept {
  readonly #ticket: Ticket;
  readonly #channels: Map<number, Channel> | undefined;
  readonly #elapsed: number;

  /**
   * @param channels of the session itself, if it is in this process
   * @param now wall clock, in ms
   */
  constructor(ticket: Ticket, channels: Map<number, Channel> | undefined, now: number) {
    this.#ticket = ticket;
    this.#channels = channels;
    this.#elapsed = now - ticket.issued;
  }

  take(number: number, place: string, listens: boolean): KeptChannel | undefined {
    const channel = this.#channels?.get(number);
    if (channel?.destination && channel.place === place && channel.listens === listens) {
      this.#channels!.delete(number);
      return { address: channel.destination.address, channel, pairs: [], elapsed: 0 };
    }
    const told = this.#ticket.channels.find((each) => each.number === number);
    if (this.#channels || told?.place !== place || told.listens !== listens) return undefined;
    return { address: told.address, channel, pairs: told.pairs, elapsed: this.#elapsed };
  }

  /** Nobody asked for the rest. */
  drop(): void {
    for (const channel of this.#channels?.values() ?? []) channel.close();
    this.#channels?.clear();
  }
}
