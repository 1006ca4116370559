// Packets of full size that vanish without a word, while smaller ones arrive: a router on the way does not say what it
// cannot carry (RFC 2923 §2.1). What RFC 4821 asks of TCP where no ICMP comes: try smaller segments, and now and then
// whether larger ones pass again.
import { type Instant, MINUTE, type Millis } from '../../time.ts';
import { TIMESTAMPS_LENGTH } from '../../wire/tcp.ts';
import type { Flight } from './flight.ts';
import { adjustMss, effectiveMss } from './options.ts';
import { NO_RECORD } from './scoreboard.ts';
import { ge } from './sequence.ts';
import type { Tcb } from './tcb.ts';

/** Timeouts in a row after which size is suspected: fewer, if the peer reports what came after the missing one. */
const SUSPICIOUS_TIMEOUTS = 3;
const SUSPICIOUS_TIMEOUTS_WITH_SACK = 2;
/** What is tried, one after the other (RFC 4821 §7.2); the last is what every path must carry (RFC 9293 §3.7.1). */
const STEPS_IPV4 = [1024, 536];
const STEPS_IPV6 = [1220];
/** RFC 4821 §7.8: before larger segments are tried again. */
const RETRY_AFTER: Millis = 10 * MINUTE;

/** Of a connection whose path is under suspicion. */
export interface BlackHole {
  /** The MSS that is believed to pass, options not deducted. */
  mss: number;
  /** When a larger segment may be tried. */
  retryAt: Instant;
  /** One is out, and ends here. */
  isTrying: boolean;
  trialEnd: number;
}

/** A timeout has happened: if it looks as if segments were too large, they become smaller. */
export function suspectBlackHole(tcb: Tcb, { scoreboard }: Flight, now: Instant): void {
  const enough = scoreboard.sackedCount > 0 ? SUSPICIOUS_TIMEOUTS_WITH_SACK : SUSPICIOUS_TIMEOUTS;
  const { first } = scoreboard;
  if (tcb.resends < enough || first === NO_RECORD) return;
  const size = Math.min(scoreboard.length(first), tcb.mss) + (tcb.timestamps ? TIMESTAMPS_LENGTH : 0);
  const steps = tcb.version === 4 ? STEPS_IPV4 : STEPS_IPV6;
  const mss = steps.find((step) => step < size);
  // What is small from the start does not vanish for its size.
  if (mss === undefined || (!tcb.blackHole && mss !== steps[0])) return;
  tcb.blackHole = { mss, retryAt: now + RETRY_AFTER, isTrying: false, trialEnd: tcb.sndNxt };
  tcb.context.blackHoles++;
  adjustMss(tcb);
}

/** It was no matter of size: what had seemed lost was only late, or a larger segment has passed. */
export function trustSize(tcb: Tcb): void {
  if (!tcb.blackHole) return;
  tcb.blackHole = undefined;
  adjustMss(tcb);
}

/** Payload bytes of the next segment, if it is time to see whether a larger one passes; 0 otherwise. */
export function trialSize(tcb: Tcb, now: Instant): number {
  const { blackHole } = tcb;
  if (!blackHole || blackHole.isTrying || now < blackHole.retryAt) return 0;
  return effectiveMss(tcb, false);
}

/** A larger segment has been sent: [.., end). */
export function noteTrial(tcb: Tcb, end: number, now: Instant): void {
  const { blackHole } = tcb;
  if (!blackHole) return;
  blackHole.isTrying = true;
  blackHole.trialEnd = end;
  blackHole.retryAt = now + RETRY_AFTER;
}

/** SND.UNA moved: has the larger segment arrived? */
export function trialAnswered(tcb: Tcb): void {
  const { blackHole } = tcb;
  if (blackHole?.isTrying && ge(tcb.sndUna, blackHole.trialEnd)) trustSize(tcb);
}

/** Whether the larger segment is all that is lost: no sign of congestion (RFC 4821 §7.4). It goes again, cut. */
export function trialFailed(tcb: Tcb, { scoreboard }: Flight): boolean {
  const { blackHole } = tcb;
  if (!blackHole?.isTrying || scoreboard.lostCount !== 1) return false;
  if (scoreboard.end(scoreboard.nextLost()) !== blackHole.trialEnd) return false;
  blackHole.isTrying = false;
  scoreboard.resegment(tcb.mss);
  return true;
}
