// The one timer that sends again (RFC 6298 §5): what is in flight, or, as the persist timer, a probe into a closed
// window (RFC 9293 §3.8.6.1).
import { TunnelError } from '../../errors.ts';
import { type Instant, type Millis, NEVER, SECOND } from '../../time.ts';
import { output, resendFirst, sendReset, sendWhatFits, sendWindowProbe } from './output.ts';
import { recoverByTimeout } from './recovery.ts';
import { add } from './sequence.ts';
import { printSocketAddress } from './state.ts';
import type { Tcb } from './tcb.ts';

/** RFC 9293 §3.8.3's R2: what Linux's fifteen retransmissions amount to. */
const PATIENCE: Millis = 924 * SECOND;
/** When nobody waits for the outcome any more. */
const ORPHAN_PATIENCE: Millis = 100 * SECOND;
const ORPHAN_PERSIST_PATIENCE: Millis = 60 * SECOND;
const MAX_PERSIST: Millis = 120 * SECOND;
/** After this many SYN|ACKs the half-open connection is forgotten. */
const SYN_ACK_RETRIES = 5;
/** When the way out is full at the moment of a timeout: look again, it proves nothing about the path. */
const CONGESTED_RETRY: Millis = 500;

/** RFC 6298 §5.2–5.3: something new was acknowledged. */
export function restartRetransmissionTimer(tcb: Tcb, now: Instant): void {
  if (tcb.outstanding === 0) turnOff(tcb);
  else arm(tcb, 'retransmission', now + tcb.roundTrip.timeout);
}

/** After output: is there something in flight, or something that a closed window holds back? */
export function settleResendTimer(tcb: Tcb, now: Instant, isFree: boolean): void {
  if (tcb.inFlight > 0) {
    if (tcb.resendTimer !== 'retransmission') arm(tcb, 'retransmission', now + tcb.roundTrip.timeout);
  } else if (tcb.outstanding > 0 || tcb.unsent > 0 || (tcb.finQueued && !tcb.finSent)) {
    // The way out being full is not the peer's doing: the layer calls again.
    if (!isFree || tcb.resendTimer === 'persist') return;
    tcb.resends = 0;
    if (tcb.waitingSince === NEVER) tcb.waitingSince = now;
    arm(tcb, 'persist', now + tcb.roundTrip.rto);
  } else {
    turnOff(tcb);
  }
}

/** The deadline has passed. */
export function resendTimeout(tcb: Tcb, now: Instant): void {
  if (now >= givesUpAt(tcb)) {
    giveUp(tcb, now);
    return;
  }
  if (tcb.context.ip.congested) {
    tcb.resendAt = now + CONGESTED_RETRY;
    return;
  }
  if (tcb.resendTimer === 'persist') {
    probe(tcb, now);
    return;
  }
  tcb.timeouts++;
  tcb.resends++;
  tcb.rttStartedAt = NEVER;
  tcb.roundTrip.backOff();
  if (tcb.isEmbryonic) {
    resendSyn(tcb, now);
    return;
  }
  recoverByTimeout(tcb, now);
  // Everything counts as lost: start again from SND.UNA, the first segment at once.
  tcb.sndPos = add(tcb.sndUna, resendFirst(tcb, now));
  arm(tcb, 'retransmission', now + tcb.roundTrip.timeout);
}

function resendSyn(tcb: Tcb, now: Instant): void {
  tcb.synResends++;
  if (tcb.listener && tcb.synResends > SYN_ACK_RETRIES) {
    tcb.end();
    return;
  }
  tcb.sndPos = tcb.iss;
  arm(tcb, 'retransmission', now + tcb.roundTrip.timeout);
  output(tcb, now);
}

function probe(tcb: Tcb, now: Instant): void {
  tcb.resends++;
  if (tcb.sndWnd > 0 && tcb.unsent > 0) {
    // Not closed, only too small to be worth it: the override of RFC 9293 §3.8.6.2.1.
    sendWhatFits(tcb, now);
    settleResendTimer(tcb, now, true);
    return;
  }
  sendWindowProbe(tcb, now);
  arm(tcb, 'persist', now + Math.min(tcb.roundTrip.rto * 2 ** Math.min(tcb.resends, 16), MAX_PERSIST));
}

function arm(tcb: Tcb, timer: 'retransmission' | 'persist', at: Instant): void {
  tcb.resendTimer = timer;
  tcb.resendAt = at;
  // The user timeout is kept to the millisecond.
  tcb.resendAt = Math.min(at, Math.max(givesUpAt(tcb), 0));
}

function turnOff(tcb: Tcb): void {
  tcb.resendTimer = 'off';
  tcb.resendAt = NEVER;
}

/** When patience ends. A peer that answers probes may keep its window closed for ever (RFC 9293 MUST-37). */
function givesUpAt(tcb: Tcb): Instant {
  if (tcb.isEmbryonic) return NEVER; // `finalAt` decides
  if (tcb.userTimeout > 0) return tcb.waitingSince + tcb.userTimeout;
  if (tcb.resendTimer !== 'persist') return tcb.waitingSince + (tcb.appGone ? ORPHAN_PATIENCE : PATIENCE);
  return tcb.appGone ? tcb.waitingSince + ORPHAN_PERSIST_PATIENCE : tcb.lastHeardAt + PATIENCE;
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
