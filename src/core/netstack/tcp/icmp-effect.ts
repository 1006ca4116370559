import { TunnelError } from '../../errors.ts';
import type { IcmpErrorKind } from '../icmp-errors.ts';
import { ge, lt } from './sequence.ts';
import { printSocketAddress } from './state.ts';
import type { Tcb } from './tcb.ts';

/**
 * What an ICMP error about a segment of ours does (RFC 5927): it must quote a sequence number in flight; a hard error
 * ends a connection that is not established yet; nothing ends one that is, but the last word is kept for the day it
 * times out (RFC 1122 §4.2.3.9). False when it does not concern the connection.
 */
export function icmpErrorArrives(tcb: Tcb, quotedSequence: number, kind: IcmpErrorKind): boolean {
  if (lt(quotedSequence, tcb.sndUna) || ge(quotedSequence, tcb.sndNxt)) return false;
  const error = errorOf(tcb, kind);
  if (isHard(kind) && tcb.isEmbryonic) tcb.end(error);
  else tcb.softError = error;
  return true;
}

/** Whether trying again is useless (RFC 1122 §4.2.3.9). */
export function isHard(kind: IcmpErrorKind): boolean {
  return kind === 'refused' || kind === 'prohibited';
}

function errorOf(tcb: Tcb, kind: IcmpErrorKind): TunnelError {
  const where = printSocketAddress(tcb.remote);
  switch (kind) {
    case 'refused':
      return new TunnelError('ERR_CONNECTION_REFUSED', `${where} refused the connection.`, { leg: 'inside' });
    case 'prohibited':
      return new TunnelError('ERR_HOST_UNREACHABLE', `A firewall on the way forbids ${where}.`, {
        leg: 'inside',
      });
    case 'unreachable':
    case 'time-exceeded':
    case 'parameter-problem':
      return new TunnelError('ERR_HOST_UNREACHABLE', `The network has no way to ${where}.`, {
        leg: 'inside',
        retryable: true,
      });
  }
}
