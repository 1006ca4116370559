// What a host says about a header that it cannot process: a code, and where in the packet (RFC 792, RFC 4443 §3.4).

/** Codes of ICMPV6_PARAMETER_PROBLEM (RFC 4443 §3.4, RFC 7112 §5); ICMP_PARAMETER_PROBLEM knows the first only. */
export const ERRONEOUS_FIELD = 0;
export const UNKNOWN_NEXT_HEADER = 1;
export const UNKNOWN_OPTION = 2;
export const INCOMPLETE_HEADER_CHAIN = 3;

/** What a header that is refused says of itself to its sender. One object, rewritten for each packet. */
export class ParameterProblem {
  /** Of a parameter problem message; −1 when there is nothing to say. */
  code = -1;
  /** Where the fault lies, from the beginning of the packet. */
  pointer = 0;
  /** Whether it is also said about a packet to a group. */
  isForGroups = false;

  clear(): void {
    this.code = -1;
  }

  set(code: number, pointer: number, isForGroups = false): void {
    this.code = code;
    this.pointer = pointer;
    this.isForGroups = isForGroups;
  }
}
