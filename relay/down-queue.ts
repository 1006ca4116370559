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
/** How long what waits may wait as a habit, and how long a burst may last: about the round trip of what it is part of. */
const TARGET = 25;
const INTERVAL = 200;

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
  pushData(channel: number, datagram: Uint8Array, now: number): number {
    let lane = this.#turns.find((each) => each.channel === channel);
    if (lane === undefined) this.#turns.push((lane = new Lane(channel)));
    lane.push(datagram, now);
    this.#account(datagram.length + OVERHEAD);
    let dropped = 0;
    const limit = this.#budget.isTight ? Math.min(TIGHT_LIMIT, this.#limit) : this.#limit;
    while (this.#bytes > limit) {
      this.#shift(this.#longest());
      dropped++;
    }
    return dropped;
  }

  /**
   * Moves what fits into one message; of data, so many bytes as there is `room` for, and a little more. Returns how many
   * datagrams it dropped because those before them had waited too long for too long.
   */
  fill(message: RecordWriter, room: number, now: number): number {
    let dropped = 0;
    while (this.#front.length > 0 && message.fits(this.#front[0]!.body.length)) {
      const { channel, body } = this.#front.shift()!;
      message.append(channel, body);
    }
    while (this.#front.length === 0 && this.#turns.length > 0 && message.length < room) {
      const lane = this.#turns[0]!;
      while (lane.dropsNext(now)) {
        this.#shift(lane);
        dropped++;
      }
      const next = lane.peek();
      if (!message.fits(next.length)) break;
      if (lane.deficit < next.length) {
        lane.deficit += QUANTUM;
        this.#turns.push(this.#turns.shift()!);
        continue;
      }
      lane.deficit -= next.length;
      message.append(lane.channel, next);
      this.#shift(lane);
    }
    return dropped;
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

/**
 * One channel's datagrams, first in, first out. If even the one that waited least of all in INTERVAL waited longer than
 * TARGET, the queue is no burst but a habit: then one is dropped, and more and more often, until that ends. The TCP
 * inside needs the loss as its signal; nobody else tells it. (CoDel, RFC 8289, with its names.)
 */
class Lane {
  readonly channel: number;
  deficit = 0;
  bytes = 0;
  #items: Uint8Array[] = [];
  /** When each came. */
  #times: number[] = [];
  #head = 0;
  /** Whether the head has been looked at. */
  #isJudged = false;
  #firstAboveTime = 0;
  #isDropping = false;
  #dropNext = 0;
  #count = 0;
  #lastCount = 0;

  constructor(channel: number) {
    this.channel = channel;
  }

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(datagram: Uint8Array, now: number): void {
    this.#items.push(datagram);
    this.#times.push(now);
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
      this.#times = this.#times.slice(this.#head);
      this.#head = 0;
    }
    this.#isJudged = false;
    return datagram;
  }

  /** Whether the head is to be dropped instead of sent; asked again for the one behind it. */
  dropsNext(now: number): boolean {
    if (this.#isJudged) return false;
    const mayDrop = this.#isLateForLong(now);
    const drops = this.#isDropping ? mayDrop && now >= this.#dropNext : mayDrop;
    if (!mayDrop) this.#isDropping = false;
    if (!drops) this.#isJudged = true;
    else this.#dropped(now);
    return drops;
  }

  /** RFC 8289 §5.5: never the last one, which is no queue. */
  #isLateForLong(now: number): boolean {
    if (now - this.#times[this.#head]! < TARGET || this.length <= 1) {
      this.#firstAboveTime = 0;
      return false;
    }
    if (this.#firstAboveTime === 0) this.#firstAboveTime = now + INTERVAL;
    return now >= this.#firstAboveTime;
  }

  /** The control law: the next drop comes sooner each time; where it was busy not long ago, it begins as it ended. */
  #dropped(now: number): void {
    if (this.#isDropping) {
      this.#count++;
      this.#dropNext += INTERVAL / Math.sqrt(this.#count);
      return;
    }
    const delta = this.#count - this.#lastCount;
    this.#count = delta > 1 && now - this.#dropNext < 16 * INTERVAL ? delta : 1;
    this.#lastCount = this.#count;
    this.#isDropping = true;
    this.#dropNext = now + INTERVAL / Math.sqrt(this.#count);
  }
}

const NOTHING = new Uint8Array(0);
