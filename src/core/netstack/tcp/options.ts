import { MAX_WINDOW_SHIFT, type TcpSegment, TIMESTAMPS_LENGTH } from '../../wire/tcp.ts';
import { MAX_RECEIVE_LIMIT, type Tcb } from './tcb.ts';

/** RFC 9293 §3.7.1: what a peer takes that did not say. */
const DEFAULT_MSS_IPV4 = 536;
const DEFAULT_MSS_IPV6 = 1220;
/** A smaller offer would leave no payload beside the options. */
const MIN_MSS = 48;

export function defaultMss(version: 4 | 6): number {
  return version === 4 ? DEFAULT_MSS_IPV4 : DEFAULT_MSS_IPV6;
}

/** The MTU without the two headers, or the application's bound; options are not deducted (RFC 6691 §2). */
export function advertisedMss(tcb: Tcb): number {
  return Math.min(tcb.context.ip.mtu - (tcb.version === 4 ? 40 : 60), tcb.maxSegmentSize);
}

/** Eff.snd.MSS (RFC 9293 §3.7.1): what the peer takes and the path carries, without our options. */
export function effectiveMss(tcb: Tcb, obeysSuspicion = true): number {
  const pathMss = tcb.context.ip.pathMtu(tcb.remote.address) - (tcb.version === 4 ? 40 : 60);
  const most = obeysSuspicion && tcb.blackHole ? Math.min(pathMss, tcb.blackHole.mss) : pathMss;
  return Math.min(tcb.peerMss, most) - (tcb.timestamps ? TIMESTAMPS_LENGTH : 0);
}

/** Brings the segments of a connection to the size that is right now; says by how many bytes they grew. */
export function adjustMss(tcb: Tcb): number {
  const mss = effectiveMss(tcb);
  const growth = mss - tcb.mss;
  if (growth === 0) return 0;
  tcb.mss = mss;
  if (growth < 0) tcb.flight?.scoreboard.resegment(mss);
  return growth;
}

/**
 * The shift count that can say the largest window a connection will ever have (RFC 7323 §2.3). A buffer whose size
 * the application fixed is not to grow, and a small one needs the fine unit.
 */
export function shiftFor(fixedLimit: number | undefined): number {
  const most = fixedLimit ?? MAX_RECEIVE_LIMIT;
  let shift = 0;
  while (shift < MAX_WINDOW_SHIFT && 0xffff << shift < most) shift++;
  return shift;
}

export function offeredShift(tcb: Tcb): number {
  return shiftFor(tcb.isReceiveLimitFixed ? tcb.receiveLimit : undefined);
}

/** Takes over what the peer's SYN offers: all of it was, or will be, offered by ours. */
export function negotiate(tcb: Tcb, segment: TcpSegment, now: number): void {
  tcb.windowScaling = segment.windowScale >= 0;
  tcb.sndScale = tcb.windowScaling ? segment.windowScale : 0;
  tcb.rcvScale = tcb.windowScaling ? offeredShift(tcb) : 0;
  tcb.sackPermitted = segment.sackPermitted;
  tcb.timestamps = segment.hasTimestamps;
  if (tcb.timestamps) {
    tcb.tsRecent = segment.tsVal;
    tcb.tsRecentAt = now;
  }
  tcb.peerMss = Math.max(Math.min(segment.mss || defaultMss(tcb.version), tcb.maxSegmentSize), MIN_MSS);
  tcb.mss = effectiveMss(tcb);
}
