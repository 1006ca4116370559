import type { SeededRandom } from '../support/random.ts';

/** What a packet is, as far as a link that picks its victims wants to know. */
export type PacketKind = 'syn' | 'syn-ack' | 'fin' | 'data' | 'ack' | 'rst' | 'other';

/** Which packets a link loses. Plain data, so that it can be printed. */
export type LossModel =
  /** Each by itself, with this probability. */
  | { kind: 'bernoulli'; probability: number }
  /** Gilbert–Elliott: a good and a bad state, each with its own probability of loss. Bad times end after 2 s at most. */
  | { kind: 'bursts'; toBad: number; toGood: number; whenGood: number; whenBad: number }
  /** One of each `every`. Not always the same, or a burst of so many would lose its first for ever. */
  | { kind: 'periodic'; every: number }
  /** Those with these numbers, counted from 0. */
  | { kind: 'nth'; numbers: number[] }
  /** The first `count` of one kind. */
  | { kind: 'first'; of: PacketKind; count: number }
  /** Everything from the instant on, for ever. */
  | { kind: 'blackout'; from: number };

/** Otherwise a connection that sends once in two minutes would meet bad times for an hour. */
const LONGEST_BAD = 2000;

export const NO_LOSS: LossModel = { kind: 'bernoulli', probability: 0 };

/** One link's losses, in progress. Draws two numbers for each packet, whatever comes of them. */
export class Losses {
  readonly #model: LossModel;
  readonly #random: SeededRandom;
  #isBad = false;
  #badSince = 0;
  #ofKind = 0;
  /** Of the next `every`. */
  #next = 0;

  constructor(model: LossModel, random: SeededRandom) {
    this.#model = model;
    this.#random = random;
  }

  takes(kind: PacketKind, number: number, now: number): boolean {
    const model = this.#model;
    const chance = this.#random.fraction();
    const change = this.#random.fraction();
    switch (model.kind) {
      case 'bernoulli':
        return chance < model.probability;
      case 'bursts':
        if (this.#isBad && (change < model.toGood || now - this.#badSince > LONGEST_BAD)) this.#isBad = false;
        else if (!this.#isBad && change < model.toBad) {
          this.#isBad = true;
          this.#badSince = now;
        }
        return chance < (this.#isBad ? model.whenBad : model.whenGood);
      case 'periodic':
        if (number % model.every === 0) this.#next = Math.floor(chance * model.every);
        return number % model.every === this.#next;
      case 'nth':
        return model.numbers.includes(number);
      case 'first':
        return kind === model.of && this.#ofKind++ < model.count;
      case 'blackout':
        return now >= model.from;
    }
  }
}
