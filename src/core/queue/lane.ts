/** How long a burst may last: about the round trip of what it is part of. */
const INTERVAL = 200;

/**
 * One channel's datagrams, first in, first out. If even the one that waited least of all in INTERVAL waited longer than
 * `target`, the queue is no burst but a habit: then one is dropped, and more and more often, until that ends. The TCP
 * inside needs the loss as its signal; nobody else tells it. (CoDel, RFC 8289, with its names.)
 */
export class Lane {
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

  /** How long the head has been here, in ms. */
  waited(now: number): number {
    return now - this.#times[this.#head]!;
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
  dropsNext(target: number, now: number): boolean {
    if (this.#isJudged) return false;
    const mayDrop = this.#isLateForLong(target, now);
    const drops = this.#isDropping ? mayDrop && now >= this.#dropNext : mayDrop;
    if (!mayDrop) this.#isDropping = false;
    if (!drops) this.#isJudged = true;
    else this.#dropped(now);
    return drops;
  }

  /** RFC 8289 §5.5: never the last one, which is no queue. */
  #isLateForLong(target: number, now: number): boolean {
    if (this.waited(now) < target || this.length <= 1) {
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
