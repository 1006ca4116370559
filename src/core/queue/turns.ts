import { Lane } from './lane.ts';

/** What holding one datagram costs beside its bytes. */
const OVERHEAD = 128;
/** How much one channel may send before the next one's turn: a full-size datagram, at least. */
const QUANTUM = 4096;

/** Lanes with data that take turns by bytes (deficit round robin), so that no channel starves another. */
export class Turns {
  /** Whose turn it is first. */
  readonly #lanes: Lane[] = [];
  readonly #account: (bytes: number) => void;
  /** Datagrams that waited too long for too long. */
  dropped = 0;

  /** `account` is told by how many bytes it grew. */
  constructor(account: (bytes: number) => void) {
    this.#account = account;
  }

  get isEmpty(): boolean {
    return this.#lanes.length === 0;
  }

  push(channel: number, datagram: Uint8Array, now: number): void {
    let lane = this.#laneOf(channel);
    if (lane === undefined) this.#lanes.push((lane = new Lane(channel)));
    lane.push(datagram, now);
    this.#account(datagram.length + OVERHEAD);
  }

  /** The lane that may send its head. Longer than `target` nothing should wait as a habit. Not to be asked when empty. */
  next(target: number, now: number): Lane {
    for (;;) {
      const lane = this.#lanes[0]!;
      while (lane.dropsNext(target, now)) {
        this.shift(lane);
        this.dropped++;
      }
      if (lane.deficit >= lane.peek().length) return lane;
      lane.deficit += QUANTUM;
      this.#lanes.push(this.#lanes.shift()!);
    }
  }

  /** Its head is sent. */
  sent(lane: Lane): void {
    lane.deficit -= lane.peek().length;
    this.shift(lane);
  }

  longest(): Lane | undefined {
    let longest: Lane | undefined;
    for (const lane of this.#lanes) if (lane.bytes > (longest?.bytes ?? 0)) longest = lane;
    return longest;
  }

  shift(lane: Lane): void {
    this.#account(-(lane.shift().length + OVERHEAD));
    if (lane.length === 0) this.#lanes.splice(this.#lanes.indexOf(lane), 1);
  }

  dropChannel(channel: number): void {
    const lane = this.#laneOf(channel);
    while (lane !== undefined && lane.length > 0) this.shift(lane);
  }

  clear(): void {
    this.#lanes.length = 0;
  }

  #laneOf(channel: number): Lane | undefined {
    return this.#lanes.find((lane) => lane.channel === channel);
  }
}
