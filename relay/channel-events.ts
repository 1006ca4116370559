import * as wire from '../src/core/wire/relay.ts';

const KINDS = wire.EVENT_ENDPOINT_SILENT + 1;
const INTERVAL = 1000;
const COUNTED = new Set<number>([wire.EVENT_DROPPED_UP, wire.EVENT_DROPPED_DOWN, wire.EVENT_BAD_SHAPE]);

/** Tells the client what happens to a channel: the first of a kind at once, further ones summed up each second. */
export class ChannelEvents {
  readonly #channel: number;
  readonly #send: (event: wire.Control) => void;
  readonly #sentAt = new Float64Array(KINDS).fill(Number.NEGATIVE_INFINITY);
  readonly #pending = new Float64Array(KINDS).fill(-1);

  constructor(channel: number, send: (event: wire.Control) => void) {
    this.#channel = channel;
    this.#send = send;
  }

  /** `value`: how many more, for counts; otherwise what to report. */
  note(kind: number, value: number, now: number): void {
    const waiting = this.#pending[kind]!;
    this.#pending[kind] = COUNTED.has(kind) && waiting > 0 ? waiting + value : value;
    if (now - this.#sentAt[kind]! >= INTERVAL) this.#report(kind, now);
  }

  /** Reports what was held back. */
  tick(now: number): void {
    for (let kind = 1; kind < KINDS; kind++) {
      if (this.#pending[kind]! >= 0 && now - this.#sentAt[kind]! >= INTERVAL) this.#report(kind, now);
    }
  }

  #report(kind: number, now: number): void {
    const value = Math.min(0xffffffff, this.#pending[kind]!);
    this.#pending[kind] = -1;
    this.#sentAt[kind] = now;
    this.#send({ type: wire.EVENT, channel: this.#channel, kind, value });
  }
}
