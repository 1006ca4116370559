import {
  ICMP_DESTINATION_UNREACHABLE,
  ICMP_PARAMETER_PROBLEM,
  ICMP_TIME_EXCEEDED,
  ICMPV6_DESTINATION_UNREACHABLE,
  ICMPV6_PARAMETER_PROBLEM,
  ICMPV6_TIME_EXCEEDED,
} from '../wire/icmp.ts';

/**
 * What an ICMP error means to the socket whose packet it quotes. `refused` and `prohibited` will not go away by
 * trying again ("hard", RFC 1122 §4.2.3.9); the others may ("soft").
 */
export type IcmpErrorKind = 'refused' | 'prohibited' | 'unreachable' | 'time-exceeded' | 'parameter-problem';

/** The meaning of an ICMP error message, or undefined when it is none that a socket is told about. */
export function icmpErrorKind(version: 4 | 6, type: number, code: number): IcmpErrorKind | undefined {
  return version === 4 ? icmpv4ErrorKind(type, code) : icmpv6ErrorKind(type, code);
}

/** RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1. "Fragmentation needed" is a path's MTU, not an error. */
function icmpv4ErrorKind(type: number, code: number): IcmpErrorKind | undefined {
  switch (type) {
    case ICMP_DESTINATION_UNREACHABLE:
      if (code === 2 || code === 3) return 'refused';
      if (code === 4) return undefined;
      return code === 9 || code === 10 || code === 13 ? 'prohibited' : 'unreachable';
    case ICMP_TIME_EXCEEDED:
      return 'time-exceeded';
    case ICMP_PARAMETER_PROBLEM:
      return 'parameter-problem';
    default:
      return undefined;
  }
}

/** RFC 4443 §3. */
function icmpv6ErrorKind(type: number, code: number): IcmpErrorKind | undefined {
  switch (type) {
    case ICMPV6_DESTINATION_UNREACHABLE:
      if (code === 4) return 'refused';
      return code === 1 || code === 5 || code === 6 ? 'prohibited' : 'unreachable';
    case ICMPV6_TIME_EXCEEDED:
      return 'time-exceeded';
    case ICMPV6_PARAMETER_PROBLEM:
      return 'parameter-problem';
    default:
      return undefined;
  }
}
