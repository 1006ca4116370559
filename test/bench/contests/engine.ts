// Two engines in one process that send each other packets, for contests without a network.
import { IpAddress, IpPrefix } from '../../../src/core/address.ts';
import type { NetStack } from '../../../src/core/netstack/netstack.ts';

export const MTU = 1420;
export const CLIENT = '10.0.0.1';
export const SERVER = '10.0.0.2';
/** Where the clock begins, and how far both have come by then at most. */
export const START = 1000;
/** Of the clock that both have, in ms: from one turn to the next. */
const TICK = 0.5;

/** One side. What it sends waits at the other. */
export interface Engine {
  readonly stack: NetStack;
  /** IP packets that left it. */
  readonly packets: number;
  /** Takes all that has come. */
  receive(now: number): void;
  /** Does what is due, and sends. */
  poll(now: number): void;
}

/** Two engines and their clock. */
export class Pair {
  readonly client: Engine;
  readonly server: Engine;
  /** Not a field: a number with a fraction would be an object each time. */
  readonly #now = Float64Array.of(START + 10);

  constructor(client: Engine, server: Engine) {
    this.client = client;
    this.server = server;
  }

  get now(): number {
    return this.#now[0]!;
  }

  /** Lets time pass. */
  advance(milliseconds = TICK): void {
    this.#now[0] = this.#now[0]! + milliseconds;
  }

  /** Both have a turn: what has come, what is due. */
  exchange(): void {
    this.advance();
    for (const engine of [this.client, this.server]) {
      engine.receive(this.now);
      engine.poll(this.now);
    }
  }
}

export function addressOf(text: string): IpAddress {
  return IpAddress.parse(text)!;
}

export function prefixOf(text: string): IpPrefix {
  return IpPrefix.parse(text)!;
}
