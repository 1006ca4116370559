// Packets of full size that vanish without a word, while smaller ones arrive: a router on the way does not say what it
// cannot carry (RFC 2923 §2.1). What RFC 4821 asks of TCP where no ICMP comes: try smaller segments, and now and then
// whether larger ones pass again.
import { type Instant, MINUTE, type Millis, SECOND } from '../../time.ts';
import { TIMESTAMPS_LENGTH } from '../../wire/tcp.ts';
import type { Flight } from './flight.ts';
import { adjustMss, effectiveMss } from './options.ts';
import { NO_RECORD } from './scoreboard.ts';
import type { Tcb } from './tcb.ts';

/**
 * Timeouts in a row after which size is suspected; fewer, if the peer reports smaller segments that came after the
 * missing one; more, if it reports one as large: then the path must have changed since.
 */
const SUSPICIOUS_TIMEOUTS = 3;
const SUSPICIOUS_TIMEOUTS_BESIDE_SMALL = 2;
const SUSPICIOUS_TIMEOUTS_BESIDE_LARGE = 6;
/** What is tried, one after the other (RFC 4821 §7.2); the last is what every path must carry (RFC 9293 §3.7.1). */
const STEPS_IPV4 = [1024, 536];
const STEPS_IPV6 = [1220];
/**
 * How long, after a larger segment was lost, until the next is tried: chance is soon told from a black hole, and a black
 * hole is seldom gone (RFC 4821 §7.8).
 */
const RETRY_AFTER: readonly Millis[] = [SECOND, 10 * SECOND, 10 * MINUTE];
/** So many larger segments are lost, the last one alone, between smaller ones that arrive: it is told. One may be chance. */
const PROOF = 2;

/** Of a connection whose path is under suspicion. */
export interface BlackHole {
  /** The MSS that is believed to pass, options not deducted. */
  mss: number;
  /** When a larger segment may be tried. */
  retryAt: Instant;
  /** Larger segments that have been lost. */
  failures: number;
  /** It has been told. */
  isProven: boolean;
  /** One is out, and ends here. */
  isTrying: boolean;
  trialEnd: number;
}

/** A timeout has happened: if it looks as if segments were too large, they become smaller. */
export function suspectBlackHole(tcb: Tcb, flight: Flight, now: Instant): void {
  const { scoreboard } = flight;
  endTrial(tcb, flight, now);
  const { first } = scoreboard;
  if (tcb.resends < SUSPICIOUS_TIMEOUTS_BESIDE_SMALL || first === NO_RECORD) return;
  const options = tcb.timestamps ? TIMESTAMPS_LENGTH : 0;
  const size = Math.min(scoreboard.length(first), tcb.mss) + options;
  const steps = tcb.version === 4 ? STEPS_IPV4 : STEPS_IPV6;
  const mss = steps.find((step) => step < size);
  // What is small from the start does not vanish for its size.
  if (mss === undefined || (!tcb.blackHole && mss !== steps[0])) return;
  if (tcb.resends < timeoutsThatSuffice(scoreboard.longestSacked() + options, mss)) return;
  const { failures, isProven } = tcb.blackHole ?? { failures: 0, isProven: false };
  tcb.blackHole = { mss, retryAt: now, failures, isProven, isTrying: false, trialEnd: tcb.sndNxt };
  tcb.context.blackHoleSuspicions++;
  adjustMss(tcb);
}

/** `longest`: of what the peer reports, nothing being the options alone. */
function timeoutsThatSuffice(longest: number, mss: number): number {
  if (longest > mss) return SUSPICIOUS_TIMEOUTS_BESIDE_LARGE;
  return longest > TIMESTAMPS_LENGTH ? SUSPICIOUS_TIMEOUTS_BESIDE_SMALL : SUSPICIOUS_TIMEOUTS;
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
export function noteTrial(tcb: Tcb, end: number): void {
  const { blackHole } = tcb;
  if (!blackHole) return;
  blackHole.isTrying = true;
  blackHole.trialEnd = end;
}

/** A segment that ends at `end` has arrived. If it `wasResent`, in smaller pieces then, it proves nothing. */
export function trialAnswered(tcb: Tcb, end: number, wasResent: boolean): void {
  const { blackHole } = tcb;
  if (!blackHole?.isTrying || end !== blackHole.trialEnd) return;
  if (wasResent) blackHole.isTrying = false;
  else trustSize(tcb);
}

/** Whether the larger segment is all that is lost: no sign of congestion (RFC 4821 §7.4). It goes again, cut. */
export function trialFailed(tcb: Tcb, flight: Flight, now: Instant): boolean {
  const { scoreboard } = flight;
  const { blackHole } = tcb;
  if (!blackHole?.isTrying || scoreboard.lostCount !== 1 || !isTrial(tcb, flight, scoreboard.nextLost()))
    return false;
  endTrial(tcb, flight, now);
  if (blackHole.failures >= PROOF && !blackHole.isProven) {
    blackHole.isProven = true;
    tcb.context.blackHoles++;
  }
  return true;
}

/** Whether the record is the larger segment. */
export function isTrial({ blackHole }: Tcb, { scoreboard }: Flight, slot: number): boolean {
  return blackHole?.isTrying === true && scoreboard.end(slot) === blackHole.trialEnd;
}

/** The larger segment, if one is out, counts as lost: it is cut. */
export function endTrial(tcb: Tcb, { scoreboard }: Flight, now: Instant): void {
  const { blackHole } = tcb;
  if (!blackHole?.isTrying) return;
  blackHole.isTrying = false;
  blackHole.retryAt = now + RETRY_AFTER[Math.min(blackHole.failures, RETRY_AFTER.length - 1)]!;
  blackHole.failures++;
  scoreboard.resegment(tcb.mss);
}
