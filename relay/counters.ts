import type { GateRefusal } from './gate.ts';

export type DropReason =
  | GateRefusal
  | 'rate'
  | 'queue'
  | 'too_big'
  | 'send_failed'
  | 'not_open'
  | 'unknown_channel'
  | 'empty_message'
  | 'not_allowed';

/** What the relay did and refused, since it started. A closed set of numbers. */
export class RelayCounters {
  sessionsAccepted = 0;
  sessionsRefused = 0;
  tokensRefused = 0;
  reloadsFailed = 0;
  datagramsUp = 0;
  datagramsDown = 0;
  bytesUp = 0;
  bytesDown = 0;
  messagesUp = 0;
  messagesDown = 0;
  readonly dropsUp: Partial<Record<DropReason, number>> = {};
  readonly dropsDown: Partial<Record<DropReason, number>> = {};

  dropUp(reason: DropReason): void {
    this.dropsUp[reason] = (this.dropsUp[reason] ?? 0) + 1;
  }

  dropDown(reason: DropReason, times = 1): void {
    this.dropsDown[reason] = (this.dropsDown[reason] ?? 0) + times;
  }
}
