import { CONTROL_CHANNEL, type RecordWriter } from '../src/core/wire/relay.ts';

/** What all sessions together may hold back for slow clients. */
export class QueueBudget {
  readonly limit: number;
  used = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  get isTight(): boolean {
    return this.used > 0.8 * this.limit;
  }
}

const MAX_FRONT = 32;
const TIGHT_LIMIT = 32 * 1024;
/** What holding one datagram costs beside its bytes. */
const OVERHEAD = 128;
/** How much one channel may send before the next one's turn: a full-size datagram, at least. */
const QUANTUM = 4096;

/**
 * What waits for the client. Control records and handshake messages go first and are never displaced by data;
 * of data, the oldest goes when the budget is spent: the TCP inside the tunnel needs the loss as its signal, and
 * sees it sooner that way. Channels take turns by bytes (deficit round robin), so that none starves another.
 */
export class DownQueue {
  readonly #budget: QueueBudget;
  readonly #limit: number;
  readonly #front: { readonly channel: number; readonly body: Uint8Array }[] = [];
  /** Channels with data, whose turn it is first. */
  readonly #turns: Lane[] = [];
  #bytes = 0;

  constructor(budget: QueueBudget, limit: number) {
    this.#budget = budget;
    this.#limit = limit;
  }

  /** Bytes of data waiting, as counted against the budget. */
  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#front.length === 0 && this.#turns.length === 0;
  }

  /** Control bodies and handshake messages. False if there are too many already, and this one is lost. */
  pushFirst(channel: number, body: Uint8Array): boolean {
    if (this.#front.length >= MAX_FRONT) return false;
    this.#front.push({ channel, body });
    return true;
  }

  pushControl(body: Uint8Array): boolean {
    return this.pushFirst(CONTROL_CHANNEL, body);
  }

  /** Takes a datagram as it is (not a view into something larger). Returns how many old ones had to go. */
  pushData(channel: number, datagram: Uint8Array): number {
    let lane = this.#turns.find((each) => each.channel === channel);
    if (lane === undefined) this.#turns.push((lane = new Lane(channel)));
    lane.push(datagram);
    this.#account(datagram.length + OVERHEAD);
    let dropped = 0;
    const limit = this.#budget.isTight ? Math.min(TIGHT_LIMIT, this.#limit) : this.#limit;
    while (this.#bytes > limit) {
      this.#shift(this.#longest());
      dropped++;
    }
    return dropped;
  }

  /** Moves what fits into one message. */
  fill(message: RecordWriter): void {
    while (this.#front.length > 0 && message.fits(this.#front[0]!.body.length)) {
      const { channel, body } = this.#front.shift()!;
      message.append(channel, body);
    }
    while (this.#front.length === 0 && this.#turns.length > 0) {
      const lane = this.#turns[0]!;
      const next = lane.peek();
      if (!message.fits(next.length)) return;
      if (lane.deficit < next.length) {
        lane.deficit += QUANTUM;
        this.#turns.push(this.#turns.shift()!);
        continue;
      }
      lane.deficit -= next.length;
      message.append(lane.channel, next);
      this.#shift(lane);
    }
  }

  /** Forgets what waits for a channel that is closed. */
  dropChannel(channel: number): void {
    const lane = this.#turns.find((each) => each.channel === channel);
    while (lane !== undefined && lane.length > 0) this.#shift(lane);
  }

  clear(): void {
    this.#account(-this.#bytes);
    this.#front.length = 0;
    this.#turns.length = 0;
  }

  #longest(): Lane {
    return this.#turns.reduce((a, b) => (b.bytes > a.bytes ? b : a));
  }

  #shift(lane: Lane): void {
    this.#account(-(lane.shift().length + OVERHEAD));
    if (lane.length === 0) this.#turns.splice(this.#turns.indexOf(lane), 1);
  }

  #account(bytes: number): void {
    this.#bytes += bytes;
    this.#budget.used += bytes;
  }
}

/** One channel's datagrams, first in, first out. */
class Lane {
  readonly channel: number;
  deficit = 0;
  bytes = 0;
  #items: Uint8Array[] = [];
  #head = 0;

  constructor(channel: number) {
    this.channel = channel;
  }

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(datagram: Uint8Array): void {
    this.#items.push(datagram);
    this.bytes += datagram.length;
  }

  peek(): Uint8Array {
    return this.#items[this.#head]!;
  }

  shift(): Uint8Array {
    const datagram = this.peek();
    this.#items[this.#head++] = NOTHING;
    this.bytes -= datagram.length;
    if (this.#head >= 256) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return datagram;
  }
}

const NOTHING = new Uint8Array(0);
