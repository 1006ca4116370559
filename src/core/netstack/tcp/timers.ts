import { type Instant, type Millis, NEVER, SECOND } from '../../time.ts';
import { sendKeepAliveProbe, sendReset } from './output.ts';
import { resendTimeout, SLEEP, timeoutError } from './retransmission.ts';
import type { Tcb } from './tcb.ts';

/** RFC 9293 §3.8.3 wants at least three minutes of trying for a SYN. */
export const HANDSHAKE_PATIENCE: Millis = 180 * SECOND;
/** FIN-WAIT-2 without an application: the peer may never close. */
const FIN_WAIT_2_PATIENCE: Millis = 60 * SECOND;
/** One lost probe proves nothing (RFC 9293 MUST-29). */
const KEEP_ALIVE_PROBES = 9;

/** Does what is due at `now`. Every deadline is a field, checked again here: firing early does no harm. */
export function expire(tcb: Tcb, now: Instant): void {
  if (tcb.finalAt <= now && !isForgiven(tcb, now)) {
    finalTimeout(tcb, now);
    return;
  }
  if (tcb.delayedAckAt <= now) {
    tcb.delayedAckAt = NEVER;
    tcb.ackDue = true;
    tcb.wake();
  }
  if (tcb.resendAt <= now) resendTimeout(tcb, now);
  if (tcb.restAt <= now) tcb.endFlight();
  if (tcb.keepAliveAt <= now && tcb.state !== 'CLOSED') keepAlive(tcb, now);
}

/** After sleep, a handshake gets one more try before it is given up. */
function isForgiven(tcb: Tcb, now: Instant): boolean {
  if (tcb.state !== 'SYN-SENT' || now - tcb.finalAt <= SLEEP) return false;
  tcb.finalAt = now + tcb.roundTrip.timeout;
  return true;
}

function finalTimeout(tcb: Tcb, now: Instant): void {
  if (tcb.isEmbryonic) {
    tcb.end(timeoutError(tcb));
    return;
  }
  // FIN-WAIT-2 whose application has gone: tell the peer that its data would reach nobody.
  sendReset(tcb, now);
  tcb.end();
}

/** RFC 9293 §3.8.4: probes on an idle connection only. */
function keepAlive(tcb: Tcb, now: Instant): void {
  const idleUntil = tcb.lastHeardAt + tcb.keepAliveDelay;
  // An ACK that is due must not leave as a probe: whose number the peer has had is all it looks at.
  const isBusy = tcb.outstanding > 0 || tcb.unsent > 0 || tcb.ackDue;
  // Since the last probe left; who wakes up seldom may hear of the answer long after it was due to probe again. Over
  // loopback it comes in the same instant.
  const isAnswered = tcb.lastHeardAt >= tcb.keepAliveAt - tcb.keepAliveDelay;
  if (isAnswered || isBusy) tcb.keepAliveProbes = 0;
  if (now < idleUntil || isBusy) {
    tcb.keepAliveAt = now < idleUntil ? idleUntil : now + tcb.keepAliveDelay;
    return;
  }
  const isPatient =
    tcb.userTimeout > 0
      ? now < idleUntil + tcb.userTimeout || tcb.keepAliveProbes === 0
      : tcb.keepAliveProbes < KEEP_ALIVE_PROBES;
  // The answer to the last probe may have come and gone while we slept.
  if (!isPatient && now - tcb.keepAliveAt <= SLEEP) {
    sendReset(tcb, now);
    tcb.end(timeoutError(tcb));
    return;
  }
  tcb.keepAliveProbes++;
  sendKeepAliveProbe(tcb, now);
  tcb.keepAliveAt = now + tcb.keepAliveDelay;
}

/** FIN-WAIT-2 lasts for ever while someone reads, and a minute when nobody does. */
export function settleFinalTimer(tcb: Tcb, now: Instant): void {
  if (tcb.state === 'FIN-WAIT-2' && tcb.appGone && tcb.finalAt === NEVER)
    tcb.finalAt = now + FIN_WAIT_2_PATIENCE;
}

/** Starts, changes or stops keep-alive, once the connection is established. */
export function startKeepAlive(tcb: Tcb): void {
  tcb.keepAliveAt = tcb.keepAliveDelay > 0 ? tcb.lastHeardAt + tcb.keepAliveDelay : NEVER;
}
