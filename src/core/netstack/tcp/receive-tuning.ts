import type { Instant, Millis } from '../../time.ts';
import type { TcpSegment } from '../../wire/tcp.ts';
import { diff } from './sequence.ts';
import { MAX_RECEIVE_LIMIT, type Tcb } from './tcb.ts';

/** Before anything was measured. */
const FIRST_RTT: Millis = 100;
const MAX_RTT: Millis = 10_000;
/** A window has room for so many segments beyond what was read in a round trip. */
const SPARE_SEGMENTS = 16;
/** What a new connection is expected to read in its first round trip: the peer's initial window (RFC 6928). */
const FIRST_SPACE = 14_600;

/**
 * Dynamic right-sizing of the receive buffer, as in Linux: text has arrived, and if a round trip is over, what the
 * application read in it says how large a window the peer can use: twice that, since the peer may double its own, and more
 * while it is still growing. A slow reader's window never grows, nor does any while memory is short. Nothing shrinks.
 */
export function tuneReceiveLimit(tcb: Tcb, segment: TcpSegment, now: Instant): void {
  if (tcb.isReceiveLimitFixed || now - tcb.tunedAt < tcb.receiveRtt) return;
  measure(tcb, segment, now);
  const total = tcb.bytesReceived - tcb.receiveQueue.readable;
  const read = total - tcb.tunedRead;
  tcb.tunedAt = now;
  tcb.tunedRead = total;
  const space = tcb.tunedSpace || FIRST_SPACE;
  if (read <= space) return;
  tcb.tunedSpace = read;
  if (tcb.context.pages.pressure !== 'none') return;
  const window = 2 * read + SPARE_SEGMENTS * tcb.rcvMss;
  const growth = (2 * window * (read - space)) / space;
  tcb.receiveLimit = Math.max(tcb.receiveLimit, Math.min(Math.floor(window + growth), MAX_RECEIVE_LIMIT));
}

/** The RTT as a receiver sees it: since the ACK whose timestamp comes back (RFC 7323 §4), smoothed. */
function measure(tcb: Tcb, segment: TcpSegment, now: Instant): void {
  if (tcb.receiveRtt === 0) tcb.receiveRtt = tcb.roundTrip.smoothed || FIRST_RTT;
  if (!tcb.timestamps || segment.tsEcr === 0) return;
  const rtt = diff(tcb.timestamp(now), segment.tsEcr);
  if (rtt < 0 || rtt > MAX_RTT) return;
  tcb.receiveRtt += (Math.max(rtt, 1) - tcb.receiveRtt) / 4;
}
