// RACK-TLP (RFC 8985): losses are found by time. What was sent before something that has arrived is lost when it has had
// enough time to arrive too; what may be lost at the end of a flight is found by sending a probe.
import { type Instant, type Millis, NEVER, SECOND } from '../../time.ts';
import type { Flight } from './flight.ts';
import type { RoundTrip } from './round-trip.ts';
import { NO_RECORD, RESENT } from './scoreboard.ts';
import { gt, lt } from './sequence.ts';
import type { Tcb } from './tcb.ts';

/** RFC 5681 §3.2, DupThresh: as long as nothing was ever reordered, so many duplicates prove a loss at once (§3.3). */
export const DUP_THRESHOLD = 3;
/** §6.2 step 4: recoveries after which a window that DSACKs made larger is small again. */
const REO_WND_PERSIST = 16;
/** Beyond this the reordering window is bounded by the SRTT anyway. */
const MAX_REO_WND_MULT = 64;
/** §7.2: the peer may sit on the ACK of a single segment. */
const MAX_ACK_DELAY: Millis = 200;
/** §7.2: before any RTT was measured. */
const FIRST_PTO: Millis = SECOND;

/** The per-connection variables of §5.3 and §7.1. */
export class Rack {
  /** RACK.xmit_ts, RACK.end_seq and RACK.rtt: of the most recently sent segment that has arrived. */
  sentAt: Instant = Number.NEGATIVE_INFINITY;
  end = 0;
  rtt: Millis = 0;
  /** How long after it was sent a segment is lost: `rtt` and the reordering window, as of the last look. */
  patience: Millis = 0;
  /** RACK.fack: the highest sequence number that has arrived. */
  highest = 0;
  reorderingSeen = false;
  reoWndMult = 1;
  reoWndPersist = REO_WND_PERSIST;
  /** RACK.dsack_round: until this is acknowledged a DSACK does not count again. */
  dsackRoundEnd = 0;
  inDsackRound = false;
  /** TLP.end_seq and TLP.is_retrans, while a probe is out. */
  probeEnd = 0;
  probeOut = false;
  probeWasResent = false;

  begin(sequence: number): void {
    this.sentAt = Number.NEGATIVE_INFINITY;
    this.end = this.highest = sequence;
    this.rtt = 0;
    this.reorderingSeen = this.inDsackRound = this.probeOut = false;
    this.reoWndMult = 1;
    this.reoWndPersist = REO_WND_PERSIST;
  }

  /**
   * §6.2 steps 2 and 3, for one segment that has arrived: the record at `slot`. `isOriginal`: the ACK cannot be that of a
   * resent copy.
   */
  delivered(
    { scoreboard, now }: Flight,
    { least }: RoundTrip,
    slot: number,
    end: number,
    isOriginal: boolean,
  ): void {
    const wasResent = scoreboard.has(slot, RESENT);
    const sentAt = scoreboard.sentAt(slot);
    const rtt = now - sentAt;
    // The ACK of a retransmission that came too fast is the original's (§6.2 step 2).
    if (!wasResent || !(isOriginal || rtt < least)) {
      if (sentAt > this.sentAt || (sentAt === this.sentAt && gt(end, this.end))) {
        this.sentAt = sentAt;
        this.end = end;
        this.rtt = rtt;
      }
    }
    if (gt(end, this.highest)) this.highest = end;
    else if (lt(end, this.highest) && !wasResent) this.reorderingSeen = true;
  }
}

/** §6.2 step 4: a duplicate was reported, so that the window was too small. Once per round trip. */
export function widenReorderingWindow(tcb: Tcb, { rack }: Flight): void {
  if (rack.inDsackRound && lt(tcb.sndUna, rack.dsackRoundEnd)) return;
  rack.inDsackRound = true;
  rack.dsackRoundEnd = tcb.sndNxt;
  rack.reoWndMult = Math.min(rack.reoWndMult + 1, MAX_REO_WND_MULT);
  rack.reoWndPersist = REO_WND_PERSIST;
}

/** §6.2 step 4: a recovery is over, and nothing was resent for nothing. */
export function recoveryEnded({ rack }: Flight): void {
  if (--rack.reoWndPersist > 0) return;
  rack.reoWndPersist = REO_WND_PERSIST;
  rack.reoWndMult = 1;
}

/** How much longer than the most recent RTT a segment may take (§6.2 step 4): sets `patience`. */
function openReorderingWindow(tcb: Tcb, { rack, recovery, scoreboard }: Flight): void {
  rack.patience = rack.rtt;
  if (!rack.reorderingSeen) {
    if (recovery.phase !== 'open' || scoreboard.sackedCount >= DUP_THRESHOLD) return;
  }
  const { least, smoothed } = tcb.roundTrip;
  // While a queue drains, what was sent last has waited less than what was sent before it.
  if (rack.reorderingSeen) rack.patience = Math.max(rack.rtt, smoothed);
  rack.patience += Math.min((rack.reoWndMult * least) / 4, smoothed);
}

/** §6.2 step 5: marks what is lost by now, and arms the timer for what may soon be. Whether anything was found. */
export function detectLoss(tcb: Tcb, flight: Flight, now: Instant): boolean {
  const { rack, scoreboard } = flight;
  flight.reorderAt = NEVER;
  if (rack.sentAt === Number.NEGATIVE_INFINITY) return false;
  openReorderingWindow(tcb, flight);
  const { patience } = rack;
  let found = false;
  let slot = scoreboard.oldest;
  while (slot !== NO_RECORD) {
    const sentAt = scoreboard.sentAt(slot);
    if (sentAt > rack.sentAt) break;
    const next = scoreboard.sentNext(slot);
    // Of what was sent at one instant, the order is that of the sequence numbers.
    if (sentAt < rack.sentAt || lt(scoreboard.end(slot), rack.end)) {
      if (sentAt + patience <= now) {
        scoreboard.markLost(slot);
        found = true;
      } else flight.reorderAt = sentAt + patience;
    }
    slot = next;
  }
  return found;
}

/** §6.3: after a timeout, the first segment is lost, and what is as old as that. */
export function loseOld(tcb: Tcb, flight: Flight, now: Instant): void {
  const { rack, scoreboard } = flight;
  openReorderingWindow(tcb, flight);
  const { patience } = rack;
  let slot = scoreboard.oldest;
  while (slot !== NO_RECORD) {
    const next = scoreboard.sentNext(slot);
    if (slot === scoreboard.first || scoreboard.sentAt(slot) + patience <= now) scoreboard.markLost(slot);
    slot = next;
  }
}

/** §7.2: whether a tail loss probe may be scheduled at all. */
export function mayProbe(tcb: Tcb, { recovery, rack, scoreboard }: Flight): boolean {
  return tcb.sackPermitted && recovery.phase === 'open' && !rack.probeOut && scoreboard.sackedCount === 0;
}

/** §7.2: when the probe is due, if nothing arrives before; not after the retransmission timeout. */
export function scheduleProbe({ roundTrip, mss, outstanding }: Tcb, flight: Flight, now: Instant): void {
  const delay = outstanding <= mss ? MAX_ACK_DELAY : 0;
  const timeout = roundTrip.smoothed === 0 ? FIRST_PTO : 2 * roundTrip.smoothed + delay;
  flight.probeAt = Math.min(now + timeout, flight.rtoAt);
}

/** §7.4.2: what an ACK says of a probe that is out. True when the probe repaired a loss that must have a consequence. */
export function probeAnswered(
  tcb: Tcb,
  { rack }: Flight,
  isDuplicateReport: boolean,
  isBareDuplicate: boolean,
): boolean {
  if (!rack.probeOut || lt(tcb.sndUna, rack.probeEnd)) return false;
  // New data as a probe, or both copies having arrived, means that nothing was lost.
  const isHarmless = !rack.probeWasResent || isDuplicateReport || isBareDuplicate;
  if (!isHarmless && !gt(tcb.sndUna, rack.probeEnd)) return false;
  rack.probeOut = false;
  return !isHarmless;
}
