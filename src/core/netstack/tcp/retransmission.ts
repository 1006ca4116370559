// The one timer that sends again (RFC 6298 §5): what is in flight, or, as the persist timer, a probe into a closed
// window (RFC 9293 §3.8.6.1).
import { TunnelError } from '../../errors.ts';
import { type Instant, type Millis, NEVER, SECOND } from '../../time.ts';
import { otherFlowLabel } from '../flow-labels.ts';
import { suspectBlackHole, trialFailed } from './black-hole.ts';
import type { Flight } from './flight.ts';
import { output, resendFirst, sendReset, sendTailProbe, sendWhatFits, sendWindowProbe } from './output.ts';
import { detectLoss, mayProbe, scheduleProbe } from './rack.ts';
import { enterLoss, enterRecovery, reduce } from './recovery.ts';
import { printSocketAddress } from './state.ts';
import type { ResendTimer, Tcb } from './tcb.ts';

/** RFC 9293 §3.8.3's R1: timeouts in a row after which something is wrong. */
const R1 = 3;
/** RFC 9293 §3.8.3's R2: what Linux's fifteen retransmissions amount to. */
const PATIENCE: Millis = 924 * SECOND;
/** When nobody waits for the outcome any more. */
const ORPHAN_PATIENCE: Millis = 100 * SECOND;
const ORPHAN_PERSIST_PATIENCE: Millis = 60 * SECOND;
/** Who is so late with a deadline has slept: a page that was frozen, a machine whose lid was closed. */
export const SLEEP: Millis = 30 * SECOND;
const MAX_PERSIST: Millis = 120 * SECOND;
/** When the way out is full at the moment of a timeout: look again, it proves nothing about the path. */
const CONGESTED_RETRY: Millis = 500;
/** A connection that has had nothing to send for so long gives its flight back. */
const REST: Millis = SECOND;

/** After output: is there something in flight, or something that a closed window holds back? */
export function settleResendTimer(tcb: Tcb, now: Instant, isFree: boolean): void {
  const { flight } = tcb;
  if (flight && (flight.scoreboard.pipe > 0 || isAllReported(flight))) {
    if (tcb.waitingSince === NEVER) tcb.waitingSince = now;
    settleFlightTimer(tcb, flight, now);
  } else if (tcb.outstanding > 0 || tcb.unsent > 0 || (tcb.finQueued && !tcb.finSent)) {
    // The way out being full is not the peer's doing: the layer calls again.
    if (!isFree) return;
    if (tcb.waitingSince === NEVER) tcb.waitingSince = now;
    if (tcb.resendTimer === 'persist') {
      // Patience may have become shorter: nobody waits any more.
      tcb.resendAt = Math.min(tcb.resendAt, givesUpAt(tcb));
      return;
    }
    tcb.resends = 0;
    if (flight) flight.rtoAt = NEVER;
    tcb.resendAt = now + tcb.roundTrip.rto;
    arm(tcb, 'persist');
  } else {
    tcb.resendTimer = 'off';
    tcb.resendAt = NEVER;
    if (flight?.isIdle && tcb.restAt === NEVER) tcb.restAt = now + Math.max(tcb.roundTrip.rto, REST);
  }
}

/** Everything outstanding is SACKed: should the peer have dropped it meanwhile, the timeout finds out (RFC 2018 §8). */
function isAllReported({ scoreboard }: Flight): boolean {
  return !scoreboard.isEmpty && scoreboard.lostCount === 0;
}

/** Our SYN has been sent. */
export function settleSynTimer(tcb: Tcb, now: Instant): void {
  tcb.resendAt = now + tcb.roundTrip.timeout;
  arm(tcb, 'retransmission');
}

/** One timer for three purposes: whichever is due first (RFC 8985 §8). */
function settleFlightTimer(tcb: Tcb, flight: Flight, now: Instant): void {
  // One that is overdue and did not fire has been overtaken: what was found lost in this turn gets its time to arrive.
  if (flight.rtoAt === NEVER || flight.rtoAt <= now) flight.rtoAt = now + tcb.roundTrip.timeout;
  if (!mayProbe(tcb, flight)) flight.probeAt = NEVER;
  else if (flight.probeDue) scheduleProbe(tcb, flight, now);
  flight.probeDue = false;
  if (flight.reorderAt <= flight.rtoAt) {
    tcb.resendAt = flight.reorderAt;
    arm(tcb, 'reordering');
  } else if (flight.probeAt <= flight.rtoAt) {
    tcb.resendAt = flight.probeAt;
    arm(tcb, 'probe');
  } else {
    tcb.resendAt = flight.rtoAt;
    arm(tcb, 'retransmission');
  }
}

/** The deadline has passed. */
export function resendTimeout(tcb: Tcb, now: Instant): void {
  if (now - tcb.resendAt > SLEEP) forgiveSleep(tcb, now);
  if (now >= givesUpAt(tcb)) {
    giveUp(tcb, now);
    return;
  }
  const { flight } = tcb;
  if (tcb.context.ip.congested) {
    tcb.resendAt = now + CONGESTED_RETRY;
    flight?.postpone(tcb.resendAt);
    return;
  }
  if (isOutdated(tcb, now)) outdated(tcb, now);
  else if (tcb.resendTimer === 'persist') probe(tcb, now);
  else if (tcb.isEmbryonic) synTimeout(tcb, now);
  else if (!flight || flight.scoreboard.isEmpty) tcb.resendAt = NEVER;
  else if (tcb.resendTimer === 'reordering') reorderingTimeout(tcb, flight, now);
  else if (tcb.resendTimer === 'probe') probeTail(tcb, flight, now);
  else retransmissionTimeout(tcb, flight, now);
}

/**
 * Who wakes up late looks at what has come before he looks at the clock: it may have moved the deadline, or have left
 * nothing to wait for. The output that follows starts the timer anew.
 */
function isOutdated(tcb: Tcb, now: Instant): boolean {
  const { flight } = tcb;
  switch (tcb.resendTimer) {
    case 'persist':
      return tcb.outstanding === 0 && tcb.unsent === 0 && (!tcb.finQueued || tcb.finSent);
    case 'reordering':
      return flight !== undefined && flight.reorderAt > now;
    case 'probe':
      return flight !== undefined && (flight.probeAt > now || !mayProbe(tcb, flight));
    case 'retransmission':
      return flight !== undefined && !tcb.isEmbryonic && flight.rtoAt > now;
    case 'off':
      return true;
  }
}

/** Another of the three may be due instead. */
function outdated(tcb: Tcb, now: Instant): void {
  const { flight } = tcb;
  tcb.resendTimer = 'off';
  tcb.resendAt = NEVER;
  if (!flight || flight.scoreboard.pipe === 0) return;
  settleFlightTimer(tcb, flight, now);
  if (tcb.resendAt <= now) resendTimeout(tcb, now);
}

/** RFC 6298 §5.4–5.6. */
function retransmissionTimeout(tcb: Tcb, flight: Flight, now: Instant): void {
  tcb.timeouts++;
  tcb.resends++;
  tcb.roundTrip.backOff();
  adviseOfStall(tcb);
  enterLoss(tcb, flight, tcb.resends > 1, now);
  suspectBlackHole(tcb, flight, now);
  resendFirst(tcb, now);
  flight.probeDue = false;
  flight.reorderAt = flight.probeAt = NEVER;
  flight.rtoAt = now + tcb.roundTrip.timeout;
  tcb.resendAt = flight.rtoAt;
  arm(tcb, 'retransmission');
}

/** RFC 8985 §6.2 step 5: what might have been late only has had its time. */
function reorderingTimeout(tcb: Tcb, flight: Flight, now: Instant): void {
  tcb.resendAt = flight.rtoAt;
  if (!detectLoss(tcb, flight, now)) return;
  const { phase } = flight.recovery;
  if ((phase === 'open' || phase === 'cwr') && trialFailed(tcb, flight, now)) return;
  if (phase === 'open' || phase === 'cwr') enterRecovery(tcb, flight, 0);
  if (phase !== 'loss') reduce(tcb, flight, 0, false);
}

/** RFC 8985 §7.3: the timeout begins anew behind the probe. */
function probeTail(tcb: Tcb, flight: Flight, now: Instant): void {
  flight.probeAt = NEVER;
  if (sendTailProbe(tcb, flight, now)) tcb.tailProbes++;
  flight.rtoAt = now + tcb.roundTrip.timeout;
  flight.probeDue = false;
  tcb.resendAt = flight.rtoAt;
}

/** From R1 on: IP has one way out only, but routers on the way may have others (MUST-20); the application is told. */
function adviseOfStall(tcb: Tcb): void {
  if (tcb.resends < R1) return;
  tcb.flowLabel = otherFlowLabel(tcb.flowLabel);
  if (tcb.resends === R1) tcb.observer?.stalled?.();
}

function synTimeout(tcb: Tcb, now: Instant): void {
  tcb.timeouts++;
  tcb.resends++;
  tcb.roundTrip.backOff();
  adviseOfStall(tcb);
  tcb.synResends++;
  tcb.synDue = true;
  output(tcb, now);
}

function probe(tcb: Tcb, now: Instant): void {
  tcb.resends++;
  if (tcb.sndWnd > 0 && tcb.unsent > 0) {
    // Not closed, only too small to be worth it: the override of RFC 9293 §3.8.6.2.1.
    sendWhatFits(tcb, now);
    if (tcb.inFlight > 0) {
      settleResendTimer(tcb, now, true);
      return;
    }
  } else {
    sendWindowProbe(tcb, now);
  }
  tcb.resendAt = now + Math.min(tcb.roundTrip.rto * 2 ** Math.min(tcb.resends, 16), MAX_PERSIST);
  arm(tcb, 'persist');
}

/** Its time is in `resendAt`: as an argument it would be an object. */
function arm(tcb: Tcb, timer: Exclude<ResendTimer, 'off'>): void {
  tcb.resendTimer = timer;
  // The user timeout is kept to the millisecond.
  const since = isWaitingForWindow(tcb) ? tcb.lastHeardAt : tcb.waitingSince;
  tcb.resendAt = Math.min(tcb.resendAt, Math.max(since + patience(tcb), 0));
}

/** Nobody could answer while we slept: patience lasts for one more try at least. */
function forgiveSleep(tcb: Tcb, now: Instant): void {
  const missing = now + 2 * tcb.roundTrip.timeout - givesUpAt(tcb);
  if (!(missing > 0 && missing < NEVER)) return;
  tcb.waitingSince += missing;
  tcb.lastHeardAt += missing;
}

/** When patience ends. */
function givesUpAt(tcb: Tcb): Instant {
  return (isWaitingForWindow(tcb) ? tcb.lastHeardAt : tcb.waitingSince) + patience(tcb);
}

/** A peer that answers probes may keep its window closed for ever (RFC 9293 MUST-37), unless nobody waits for it. */
function isWaitingForWindow(tcb: Tcb): boolean {
  return tcb.userTimeout === 0 && !tcb.appGone && isWindowClosed(tcb);
}

function isWindowClosed(tcb: Tcb): boolean {
  return tcb.resendTimer === 'persist' || tcb.sndWnd === 0;
}

/** How long we wait for an acknowledgment, or for a sign of life of who has closed his window. */
function patience(tcb: Tcb): Millis {
  if (tcb.isEmbryonic) return NEVER; // `finalAt` decides
  if (tcb.userTimeout > 0) return tcb.userTimeout;
  if (!tcb.appGone) return PATIENCE;
  return isWindowClosed(tcb) ? ORPHAN_PERSIST_PATIENCE : ORPHAN_PATIENCE;
}

function giveUp(tcb: Tcb, now: Instant): void {
  if (tcb.appGone) sendReset(tcb, now);
  tcb.end(timeoutError(tcb));
}

/** What a connection that nobody answers any more ends with: the network's own word, if it gave one. */
export function timeoutError(tcb: Tcb): TunnelError {
  const where = printSocketAddress(tcb.remote);
  if (tcb.softError) return tcb.softError;
  const message = tcb.isEmbryonic
    ? `${where} did not answer; is the address right, and does the peer route to it?`
    : `${where} stopped answering.`;
  return new TunnelError('ERR_TIMEOUT', message, { leg: 'inside', retryable: true });
}
