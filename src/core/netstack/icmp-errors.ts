import {
  ICMP_DESTINATION_UNREACHABLE,
  ICMP_FRAGMENTATION_NEEDED,
  ICMP_PARAMETER_PROBLEM,
  ICMP_TIME_EXCEEDED,
  ICMPV6_DESTINATION_UNREACHABLE,
  ICMPV6_INFORMATIONAL,
  ICMPV6_PACKET_TOO_BIG,
  ICMPV6_PARAMETER_PROBLEM,
  ICMPV6_TIME_EXCEEDED,
} from '../wire/icmp.ts';

/**
 * What an ICMP error means to the socket whose packet it quotes. `refused` and `prohibited` will not go away by
 * trying again ("hard", RFC 1122 §4.2.3.9); the others may ("soft").
 */
export type IcmpErrorKind =
  | 'refused'
  | 'prohibited'
  | 'unreachable'
  | 'time-exceeded'
  | 'parameter-problem'
  /** An ICMPv6 error that was invented after this was written (RFC 4443 §2.4(a)). */
  | 'other';

/** The same, or what is no error of a socket but news of a path: its MTU. */
export type IcmpReportKind = IcmpErrorKind | 'too-big';

/** The meaning of an ICMP error message, or undefined when it is none that a socket is told about. */
export function icmpErrorKind(version: 4 | 6, type: number, code: number): IcmpReportKind | undefined {
  return version === 4 ? icmpv4ErrorKind(type, code) : icmpv6ErrorKind(type, code);
}

/** RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1. */
function icmpv4ErrorKind(type: number, code: number): IcmpReportKind | undefined {
  switch (type) {
    case ICMP_DESTINATION_UNREACHABLE:
      if (code === 2 || code === 3) return 'refused';
      if (code === ICMP_FRAGMENTATION_NEEDED) return 'too-big';
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
function icmpv6ErrorKind(type: number, code: number): IcmpReportKind | undefined {
  switch (type) {
    case ICMPV6_PACKET_TOO_BIG:
      return 'too-big';
    case ICMPV6_DESTINATION_UNREACHABLE:
      if (code === 4) return 'refused';
      return code === 1 || code === 5 || code === 6 ? 'prohibited' : 'unreachable';
    case ICMPV6_TIME_EXCEEDED:
      return 'time-exceeded';
    case ICMPV6_PARAMETER_PROBLEM:
      return 'parameter-problem';
    default:
      return type < ICMPV6_INFORMATIONAL ? 'other' : undefined;
  }
}
