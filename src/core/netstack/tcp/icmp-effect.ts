import { TunnelError } from '../../errors.ts';
import { IPV4_HEADER_LENGTH } from '../../wire/ipv4.ts';
import { IPV6_HEADER_LENGTH } from '../../wire/ipv6.ts';
import { TCP_HEADER_LENGTH, TIMESTAMPS_LENGTH } from '../../wire/tcp.ts';
import type { IcmpErrorKind } from '../icmp-errors.ts';
import { adjustMss, effectiveMss } from './options.ts';
import { lt } from './sequence.ts';
import { printSocketAddress } from './state.ts';
import type { Tcb } from './tcb.ts';

/**
 * What an ICMP error about a segment of ours does (RFC 5927): it must quote a sequence number in flight; a hard error
 * ends a connection that is not established yet; nothing ends one that is, but the last word is kept for the day it
 * times out (RFC 1122 §4.2.3.9). False when it does not concern the connection.
 */
export function icmpErrorArrives(tcb: Tcb, quotedSequence: number, kind: IcmpErrorKind): boolean {
  if (!isInFlight(tcb, quotedSequence)) return false;
  const error = errorOf(tcb, kind);
  if (isHard(kind) && tcb.isEmbryonic) tcb.end(error);
  else tcb.softError = error;
  return true;
}

/** Whether trying again is useless (RFC 1122 §4.2.3.9). */
export function isHard(kind: IcmpErrorKind): boolean {
  return kind === 'refused' || kind === 'prohibited';
}

/**
 * The length of the largest packet that a router can have found too big: undefined if the sequence number it quotes is
 * not in flight (RFC 5927 §7.2).
 */
export function largestSent(tcb: Tcb, quotedSequence: number): number | undefined {
  if (!isInFlight(tcb, quotedSequence) || tcb.isEmbryonic) return undefined;
  const headers = (tcb.version === 4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH) + TCP_HEADER_LENGTH;
  return headers + (tcb.timestamps ? TIMESTAMPS_LENGTH : 0) + tcb.mss;
}

/**
 * Segments get the size that the path to the peer carries now. What was too big for it goes again at once, cut smaller:
 * that is no loss, so neither the congestion window nor the timer suffers (RFC 1191 §6.5, RFC 8201 §5.4).
 */
export function pathMtuChanged(tcb: Tcb): void {
  if (tcb.isEmbryonic) return;
  const mss = effectiveMss(tcb);
  if (mss < tcb.mss) tcb.flight?.scoreboard.loseLonger(mss);
  if (adjustMss(tcb) !== 0) tcb.wake();
}

function isInFlight(tcb: Tcb, sequence: number): boolean {
  return !lt(sequence, tcb.sndUna) && lt(sequence, tcb.sndNxt);
}

function errorOf(tcb: Tcb, kind: IcmpErrorKind): TunnelError {
  const where = printSocketAddress(tcb.remote);
  switch (kind) {
    case 'refused':
      return new TunnelError('ERR_CONNECTION_REFUSED', `${where} refused the connection.`, {
        leg: 'inside',
        cause: kind,
      });
    case 'prohibited':
      return new TunnelError('ERR_HOST_UNREACHABLE', `A firewall on the way forbids ${where}.`, {
        leg: 'inside',
        cause: kind,
      });
    case 'unreachable':
    case 'time-exceeded':
    case 'parameter-problem':
    case 'other':
      return new TunnelError('ERR_HOST_UNREACHABLE', `The network has no way to ${where}.`, {
        leg: 'inside',
        retryable: true,
        cause: kind,
      });
  }
}
