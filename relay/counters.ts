import type { GateRefusal } from './gate.ts';

/** Why a datagram was not passed on. */
export type DropReason =
  | GateRefusal
  | 'bad_mac1'
  | 'rate'
  | 'queue'
  | 'too_big'
  | 'send_failed'
  | 'not_open'
  | 'unknown_channel'
  | 'empty_message';

/** How often each of a closed set of words: never a name, an address or anything else that others choose. */
export type Counts = Map<string, number>;

/** What the relay did and refused, since it started. */
export class RelayCounters {
  sessionsAccepted = 0;
  reloadsFailed = 0;
  channelsOpened = 0;
  /** By Refused's code; by the word of a token's refusal; by why a destination was denied; by the code of the close. */
  readonly refused: Counts = new Map();
  readonly tokensRefused: Counts = new Map();
  readonly denied: Counts = new Map();
  readonly closed: Counts = new Map();
  /** By the system's word for it. */
  readonly udpErrors: Counts = new Map();
  /** By level (l1, l2, none) and what came of it. */
  readonly resumes: Counts = new Map();
  datagramsUp = 0;
  datagramsDown = 0;
  bytesUp = 0;
  bytesDown = 0;
  messagesUp = 0;
  messagesDown = 0;
  readonly dropsUp: Partial<Record<DropReason, number>> = {};
  readonly dropsDown: Partial<Record<DropReason, number>> = {};

  /** One more of this kind. */
  count(counts: Counts, word: string): void {
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }

  /** A session went on after its WebSocket broke. */
  resumed(level: 'l1' | 'l2' | 'none', result: string): void {
    this.count(this.resumes, `${level} ${result}`);
  }

  /** A datagram from a client was not passed on. */
  dropUp(reason: DropReason): void {
    this.dropsUp[reason] = (this.dropsUp[reason] ?? 0) + 1;
  }

  /** A datagram for a client was not passed on. */
  dropDown(reason: DropReason, times = 1): void {
    this.dropsDown[reason] = (this.dropsDown[reason] ?? 0) + times;
  }
}
