import type { IcmpFault } from '../wire/icmp.ts';
import type { Ipv4Fault, Ipv4OptionFault } from '../wire/ipv4.ts';
import type { ExtensionFault, Ipv6Fault } from '../wire/ipv6.ts';
import type { UdpFault } from '../wire/udp.ts';

/** Why the stack let a packet go: one name per check, in the order of the packet's way. */
export type NetStackDrop =
  /** The first four bits are neither 4 nor 6. */
  | 'ip-version'
  | Ipv4Fault
  | Ipv4OptionFault
  | Ipv6Fault
  | ExtensionFault
  /** A source that no sender has: multicast, loopback, unspecified, broadcast, IPv4-mapped. */
  | 'ip-source'
  /** Our own address as source, from outside ("LAND"). */
  | 'ip-source-is-ours'
  /** Not for us; a host forwards nothing (RFC 1122 §3.3.4.2). */
  | 'ip-destination'
  | 'protocol-unknown'
  /** A protocol that has no business with a broadcast or multicast destination. */
  | 'protocol-to-group'
  | 'fragment-malformed'
  | 'fragment-duplicate'
  | 'fragment-overlap'
  | 'fragment-limit'
  | 'fragment-timeout'
  /** Congestion marks of the fragments contradict each other (RFC 3168 §5.3). */
  | 'fragment-ecn'
  | IcmpFault
  /** A type that a host behind a tunnel does not listen to. */
  | 'icmp-ignored'
  /** An error that quotes nothing of ours. */
  | 'icmp-quote'
  | 'echo-reply-unknown'
  /** Not sent: more echo replies or errors than the limits allow. */
  | 'echo-limit'
  | 'icmp-error-limit'
  | UdpFault
  | 'udp-port-closed'
  | 'udp-queue-full'
  | 'udp-send-queue-full'
  /** Came to a DNS query's socket and is no DNS message. */
  | 'dns-malformed'
  /** No answer to the query of that socket, or one that somebody made up. */
  | 'dns-unexpected'
  /** An answer to our question in letters of another case: asked again over TCP. */
  | 'dns-case'
  /** After the answer that counted. */
  | 'dns-late'
  | 'loopback-full'
  /** Not sent: an answer of no importance while the way out is full. */
  | 'congested';
