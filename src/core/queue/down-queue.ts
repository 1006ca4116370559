import { CONTROL_CHANNEL, type RecordWriter } from '../wire/relay.ts';
import { Turns } from './turns.ts';

/** What all sessions together may hold back for slow clients. */
export class QueueBudget {
  readonly limit: number;
  used = 0;
  /** Queues with data; whose turn it is to make room is first. */
  readonly #holders = new Set<DownQueue>();
  readonly #dropped: () => void;

  /** `dropped`: told of each datagram that had to go because all together hold too much. */
  constructor(limit: number, dropped: () => void = () => {}) {
    this.limit = limit;
    this.#dropped = dropped;
  }

  get isTight(): boolean {
    return this.used > 0.8 * this.limit;
  }

  /** A queue grew by so many bytes, and has so many now. */
  account(queue: DownQueue, grown: number, bytes: number): void {
    this.used += grown;
    if (bytes > 0) this.#holders.add(queue);
    else this.#holders.delete(queue);
  }

  /** Nobody keeps another one out: those that have held something for longest drop their oldest, one each, in turns. */
  makeRoom(): void {
    if (this.used <= this.limit) return;
    for (const queue of this.#holders) {
      this.#holders.delete(queue);
      queue.dropOldest();
      this.#dropped();
      if (this.used <= this.limit) return;
    }
  }
}

/** What each channel, of those that there may be, may have in front at a time, and how many entries there are at least. */
const FRONT_OF_CHANNEL = 8;
const LEAST_FRONT = 32;
const TIGHT_LIMIT = 32 * 1024;
/** As a habit, nothing should wait longer than this, or than what these few full datagrams take. */
const TARGET = 25;
const TARGET_BYTES = 8 * 1024;
/** All that waits is what the way carries in so much time, and on a slow one some full datagrams. */
const MAX_TIME = 250;
const LEAST_LIMIT = 16 * 1024;
/** Keystrokes, voice, acknowledgements, questions for names. */
const SHORT = 300;
/** How many bytes of what is short may go beyond as many as go of what is long, and how many beyond what there is room for. */
const SHORT_CREDIT = 8 * 1024;
const SHORT_ROOM = 4 * 1024;

/**
 * What waits for the client. Control records and handshake messages go first and are never displaced by data. Of data,
 * short datagrams go before long ones, as long as they are no more than half: what is in a hurry is short, what is much is
 * long, and WireGuard does not mind the order. When there is too much, the oldest goes: the TCP inside the tunnel needs
 * the loss as its signal, and sees it sooner that way.
 */
export class DownQueue {
  readonly #budget: QueueBudget;
  readonly #maxFront: number;
  #limit: number;
  #wayLimit = Number.POSITIVE_INFINITY;
  #target = TARGET;
  readonly #front: { readonly channel: number; readonly body: Uint8Array }[] = [];
  readonly #short: Turns;
  readonly #long: Turns;
  #shortCredit = SHORT_CREDIT;
  #bytes = 0;
  /** How long the datagram that went first into the last message had waited, in ms; undefined if there was none. */
  waited: number | undefined;

  constructor(budget: QueueBudget, limit: number, channels = 1) {
    this.#budget = budget;
    this.#maxFront = Math.max(LEAST_FRONT, FRONT_OF_CHANNEL * channels);
    this.#limit = limit;
    const account = (bytes: number): void => {
      this.#bytes += bytes;
      this.#budget.account(this, bytes, this.#bytes);
    };
    this.#short = new Turns(account);
    this.#long = new Turns(account);
  }

  /** Bytes of data waiting, as counted against the budget. */
  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#front.length === 0 && !this.#hasData;
  }

  /** Whether control records or handshake messages wait. */
  get isUrgent(): boolean {
    return this.#front.length > 0;
  }

  /** The way behind it carries so many bytes per ms. */
  follow(rate: number): void {
    this.#wayLimit = Math.max(LEAST_LIMIT, MAX_TIME * rate);
    this.#target = Math.max(TARGET, TARGET_BYTES / rate);
  }

  /** Control bodies and handshake messages. False if there are too many already, and this one is lost. */
  pushFirst(channel: number, body: Uint8Array): boolean {
    if (this.#front.length >= this.#maxFront) return false;
    this.#front.push({ channel, body });
    return true;
  }

  /** Takes a datagram as it is (not a view into something larger). Returns how many old ones had to go. */
  pushData(channel: number, datagram: Uint8Array, now: number): number {
    const turns = datagram.length <= SHORT ? this.#short : this.#long;
    turns.push(channel, datagram, now);
    const dropped = this.#trim();
    this.#budget.makeRoom();
    return dropped;
  }

  /** There is no way at present: so much of the newest may wait. */
  hold(limit: number): void {
    this.#limit = limit;
    this.#trim();
  }

  /** Takes over the datagrams of another queue. */
  absorb(other: DownQueue, now: number): void {
    for (const { channel, body } of other.#front)
      if (channel !== CONTROL_CHANNEL) this.pushFirst(channel, body);
    for (const turns of [other.#short, other.#long])
      while (!turns.isEmpty) {
        const lane = turns.next(Number.POSITIVE_INFINITY, now);
        const datagram = lane.peek();
        turns.shift(lane);
        this.pushData(lane.channel, datagram, now);
      }
    other.clear();
  }

  #trim(): number {
    let dropped = 0;
    const limit = Math.min(this.#limit, this.#wayLimit, this.#budget.isTight ? TIGHT_LIMIT : this.#limit);
    while (this.#bytes > limit) {
      this.dropOldest();
      dropped++;
    }
    return dropped;
  }

  /**
   * Moves what fits into one message; of data, so many bytes as there is `room` for, and a little more: of what is short,
   * also when there is none. Returns how many datagrams it dropped because those before them had waited too long for too
   * long.
   */
  fill(message: RecordWriter, room: number, now: number): number {
    while (this.#front.length > 0 && message.fits(this.#front[0]!.body.length)) {
      const { channel, body } = this.#front.shift()!;
      message.append(channel, body);
    }
    this.waited = undefined;
    while (this.#front.length === 0 && this.#hasData) {
      const turns = this.#isShortFirst() ? this.#short : this.#long;
      if (message.length >= (turns === this.#short ? room + SHORT_ROOM : room)) break;
      const lane = turns.next(this.#target, now);
      const datagram = lane.peek();
      if (!message.fits(datagram.length)) break;
      this.waited ??= lane.waited(now);
      message.append(lane.channel, datagram);
      turns.sent(lane);
      this.#credit(turns, datagram.length);
    }
    const dropped = this.#short.dropped + this.#long.dropped;
    this.#short.dropped = this.#long.dropped = 0;
    return dropped;
  }

  /** Forgets what waits for a channel that is closed. */
  dropChannel(channel: number): void {
    this.#short.dropChannel(channel);
    this.#long.dropChannel(channel);
  }

  clear(): void {
    this.#budget.account(this, -this.#bytes, 0);
    this.#bytes = 0;
    this.#front.length = 0;
    this.#short.clear();
    this.#long.clear();
  }

  get #hasData(): boolean {
    return !this.#short.isEmpty || !this.#long.isEmpty;
  }

  #isShortFirst(): boolean {
    return !this.#short.isEmpty && (this.#long.isEmpty || this.#shortCredit > 0);
  }

  #credit(turns: Turns, bytes: number): void {
    if (turns === this.#long) this.#shortCredit = Math.min(SHORT_CREDIT, this.#shortCredit + bytes);
    else if (!this.#long.isEmpty) this.#shortCredit -= bytes;
  }

  /** Of whom most waits. */
  dropOldest(): void {
    const [short, long] = [this.#short.longest(), this.#long.longest()];
    if (long && long.bytes >= (short?.bytes ?? 0)) this.#long.shift(long);
    else this.#short.shift(short!);
  }
}
