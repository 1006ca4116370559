// In what we differ from Linux when both are given the same packets, and why. A difference that none of these explains is a
// failure, and so is an explanation that has not been needed exactly as often as it says.
import { IPV4 } from '../../../core/netstack/hostile/family.ts';
import type { Case } from './case.ts';
import type { Mutation } from './mutations.ts';

export interface Deviation {
  readonly reason: string;
  readonly row: number;
  /** Of the case. */
  readonly name: RegExp;
  /** What both did (outcome.ts). */
  readonly ours: RegExp;
  readonly linux: RegExp;
  /** Over both versions of IP. */
  readonly count: number;
}

const NOTHING = /^nothing$/;

export const DEVIATIONS: readonly Deviation[] = [
  {
    reason:
      'RFC 1122 §3.2.1.3: nobody has such an address; Linux answers to reserved and broadcast ones, too',
    row: 8,
    name: /from (240\.1\.2\.3|10\.0\.0\.255)$/,
    ours: NOTHING,
    linux: /^(echo reply|ICMP 3\/3)/,
    count: 4,
  },
  {
    reason: 'RFC 4291 §2.5.2, RFC 4942 §2.2: neither :: nor a mapped address is anybody’s to answer to',
    row: 8,
    name: /from (::|::ffff:10\.0\.0\.1)$/,
    ours: NOTHING,
    linux: /^(echo reply|ICMP 1\/4)/,
    count: 3,
  },
  {
    reason: 'we neither record routes nor stamp times, and do not look into what asks for it',
    row: 10,
    name: /^an echo request with options (07|44)/,
    ours: /^echo reply of 0$/,
    linux: /^(echo reply of 0 with options|ICMP 12\/0 \d+)$/,
    count: 4,
  },
  {
    reason: 'what would end beyond 65,535 condemns its datagram; Linux drops the fragment only, in IPv6',
    row: 12,
    name: /beyond 65,535$/,
    ours: /^ICMP 4\/0 42$/,
    linux: /^ICMP 4\/0 42; echo reply of 300$/,
    count: 1,
  },
  {
    reason:
      'RFC 8200 §4.5: only an exact duplicate is no overlap; Linux takes a piece of what it has for one, too',
    row: 13,
    name: /(104–160, 208–308|0–96, 104–308)$/,
    ours: NOTHING,
    linux: /^echo reply of 300$/,
    count: 4,
  },
  {
    reason: 'a chain of headers is looked at up to a limit',
    row: 19,
    name: /^151 headers$/,
    ours: NOTHING,
    linux: /^ICMP 1\/4$/,
    count: 1,
  },
  {
    reason: 'RFC 4942 §2.1.9.5 is about firewalls: padding is skipped whatever is in it',
    row: 19,
    name: /something in it$/,
    ours: /^ICMP 1\/4$/,
    linux: NOTHING,
    count: 1,
  },
  {
    reason: 'RFC 2675 is not done: type C2 is jumbograms to Linux, unknown to us',
    row: 21,
    name: /^a hop-by-hop option of type c2$/,
    ours: /^ICMP 4\/2 42$/,
    linux: NOTHING,
    count: 1,
  },
  {
    reason: 'RFC 8200 §4.4: routing headers of types 3 and 4 are unknown to us, and switched off in Linux',
    row: 22,
    name: /of type 0[34]/,
    ours: /^ICMP (1\/4|4\/0 42)$/,
    linux: NOTHING,
    count: 4,
  },
  {
    reason: 'RFC 1122 §4.2.3.9: such errors may pass, and do not end an attempt to connect',
    row: 26,
    name: /^SYN-SENT/,
    ours: NOTHING,
    linux: /^failed$/,
    count: 7,
  },
  {
    reason: 'RFC 1191 §7: a router that says no MTU gets the next plateau, not the least that is believed',
    row: 27,
    name: /^too big, 0$/,
    ours: /^text 0 to 4000, 966 at most$/,
    linux: /^text 0 to 4000, 512 at most$/,
    count: 1,
  },
  {
    reason: 'less than 68, the least that IPv4 allows, is a lie and changes nothing',
    row: 27,
    name: /^too big, (20|67)$/,
    ours: NOTHING,
    linux: /^text 0 to 4000, 512 at most$/,
    count: 2,
  },
  {
    reason: 'only what was too big is sent again',
    row: 27,
    name: /^too big, 1300$/,
    ours: /^text 0 to 2760, 1260 at most$/,
    linux: /^text 0 to 4000, 1260 at most$/,
    count: 1,
  },
  {
    reason: 'RFC 6918: timestamps are not answered',
    row: 28,
    name: /^type 13$/,
    ours: NOTHING,
    linux: /^ICMP 14\/0$/,
    count: 1,
  },
  {
    reason: 'nobody can listen on port 0: silence',
    row: 30,
    name: /^to port 0$/,
    ours: NOTHING,
    linux: /^ICMP (3\/3|1\/4)$/,
    count: 2,
  },
  {
    reason: 'nobody can listen on port 0: silence',
    row: 32,
    name: /^to port 0$/,
    ours: NOTHING,
    linux: /^RA /,
    count: 2,
  },
  {
    reason:
      'malformed options drop the segment (RFC 9293 MUST-7 leaves it open); Linux reads up to the fault',
    row: 33,
    name: /options (2 0|2 1|254 255|1 1 8|1 1 1|5 10)/,
    ours: NOTHING,
    linux: /^(SA ack|A seq 0 ack 10; read 10$)/,
    count: 24,
  },
  {
    reason: 'RFC 7323 §5.3: no timestamp may be older; Linux lets one tick pass',
    row: 50,
    name: /(text|FA) with a timestamp of 4999$/,
    ours: /^A seq 0 ack 0 <TS ecr 5000>$/,
    linux: /^A seq 0 ack \d+ <TS ecr 5000>; (read 10|ended)$/,
    count: 4,
  },
  {
    reason: 'RFC 7323 §3.2: what has no timestamp is dropped once they are agreed on; Linux takes it',
    row: 50,
    name: /(text|FA) with a timestamp of false$/,
    ours: NOTHING,
    linux: /^A seq 0 ack \d+ <TS ecr 5000>; (read 10|ended)$/,
    count: 4,
  },
  {
    reason: 'RFC 9293 §3.10.7.4: text after a FIN is ignored; Linux says nothing, or resets the connection',
    row: 55,
    name: /(a FIN twice|text after a FIN)/,
    ours: /^A seq 0 ack 11; A seq 0 ack 11; read 10; ended$/,
    linux: /^A seq 0 ack 11; (R seq 0; )?read 10; ended$/,
    count: 4,
  },
  {
    reason: 'RFC 6093 §6: urgent text stays in line; Linux takes its last byte out',
    row: 57,
    name: /an urgent pointer of (0|1|10)$/,
    ours: /read 10$/,
    linux: /read 9$/,
    count: 6,
  },
  {
    reason:
      'RFC 7323: options of a SYN that crosses ours are answered as any other’s; Linux repeats its own SYN’s',
    row: 0,
    name: /^SYN-SENT: S/,
    ours: /^SA seq -1 ack -?\d+ <mss \d+>$/,
    linux: /^SA seq -1 ack -?\d+ <TS ecr 0, mss \d+, sackOK, wscale>$/,
    count: 24,
  },
  {
    reason:
      'RFC 5961 §4: a SYN in the window of a half-open connection is challenged; Linux resets it, or says SYN|ACK again',
    row: 0,
    name: /^SYN-RECEIVED: SF? at/,
    ours: /^A seq 0 ack 0$/,
    linux: /^(RA seq zero|SA seq -1 ack 0)/,
    count: 14,
  },
  {
    reason:
      'RFC 9293 §3.10.7.4: the sequence number is looked at first, then SYN, then ACK; Linux begins with the ACK of our SYN',
    row: 0,
    name: /^SYN-RECEIVED: \w+ at -?\d+, ack/,
    ours: /^A seq 0 ack 0$/,
    linux: /^R seq -?\d+$/,
    count: 134,
  },
  {
    reason:
      'RFC 9293 §3.10.7.4: what is outside the window is answered by an ACK, whatever its flags; Linux looks for the ACK flag first',
    row: 0,
    name: /: (no flags|F) at (-1000|-1|1000000)$/,
    ours: /^A seq \d ack \d$/,
    linux: NOTHING,
    count: 72,
  },
  {
    reason: 'RFC 9293 §3.10.7.4: text after a FIN is ignored; Linux says nothing, or resets the connection',
    row: 0,
    name: /^(CLOSING|LAST-ACK|CLOSE-WAIT): F?PA at/,
    ours: /^A seq \d ack 1$/,
    linux: /^(nothing|R seq 0)$/,
    count: 48,
  },
  {
    reason:
      'RFC 9293 §3.10.7.4: a FIN that comes again is acknowledged; Linux forgets to, if it brings the ACK of ours',
    row: 0,
    name: /^(CLOSING|LAST-ACK): FA at -1, ack 0$/,
    ours: /^A seq 1 ack 1$/,
    linux: NOTHING,
    count: 4,
  },
  {
    reason: 'who has read the end of the stream learns of a reset at once; in Linux, when it writes',
    row: 0,
    name: /^CLOSE-WAIT: RA? at 0/,
    ours: /^failed$/,
    linux: NOTHING,
    count: 12,
  },
];

/** The first that explains it. */
export function explain(what: Case, ours: string, linux: string): Deviation | undefined {
  return DEVIATIONS.find(
    (deviation) =>
      deviation.row === what.row &&
      deviation.name.test(what.name) &&
      deviation.ours.test(ours) &&
      deviation.linux.test(linux),
  );
}

/** Why what nearly was right (mutations.ts) may be taken differently. */
interface Excuse {
  readonly reason: string;
  /** `at` says whether a byte of the header has been changed: of IP's, or of the transport's. */
  excuses(mutation: Mutation, at: (ip: number | undefined, transport?: number) => boolean): boolean;
  readonly ours: RegExp;
  readonly linux: RegExp;
}

const EXCUSES: readonly Excuse[] = [
  {
    reason:
      'RFC 1122 §3.2.2: of ICMP we answer to no malformed packet but an echo request, and look at the destination first',
    excuses: ({ families: [family] }, at) => family === IPV4 && at(0),
    ours: NOTHING,
    linux: /^ICMP 12\/0/,
  },
  {
    reason: 'Linux knows more protocols: IGMP, IP in IP, GRE, IPsec, UDP-Lite …',
    excuses: ({ families: [family] }, at) => at(family === IPV4 ? 9 : 6),
    ours: /^ICMP (3\/2|4\/1)/,
    linux: NOTHING,
  },
  {
    reason: 'RFC 6918: timestamps are not answered',
    excuses: ({ kind, families: [family] }, at) => kind === 'echo' && family === IPV4 && at(undefined, 0),
    ours: NOTHING,
    linux: /^ICMP 14\/0/,
  },
  {
    reason: 'RFC 2675 is not done: an IPv6 payload has a length',
    excuses: ({ families: [family] }, at) => family !== IPV4 && (at(4) || at(5)),
    ours: NOTHING,
    linux: /^ICMP (4\/1|1\/4)/,
  },
  {
    reason: 'RFC 2675 is not done: a UDP message has a length',
    excuses: ({ kind, families: [family] }, at) =>
      kind.startsWith('message') && family !== IPV4 && (at(undefined, 4) || at(undefined, 5)),
    ours: NOTHING,
    linux: /^(message of|ICMP 1\/4)/,
  },
  {
    reason: 'nobody can listen on port 0: silence',
    excuses: (_, at) => at(undefined, 2) || at(undefined, 3),
    ours: NOTHING,
    linux: /^(ICMP|RA?) /,
  },
  {
    reason: 'RFC 6093 §6: urgent text stays in line; Linux takes its last byte out',
    excuses: ({ kind }, at) => kind === 'text' && at(undefined, 13),
    ours: /read \d+$/,
    linux: /read \d+$/,
  },
  {
    reason: 'of two faults in a chain of headers, each names the one that it meets first',
    excuses: ({ families: [family] }, at) => family !== IPV4 && at(6),
    ours: /^ICMP 4\//,
    linux: /^ICMP 4\//,
  },
  {
    reason: 'malformed options drop the segment, and so do missing or old timestamps',
    excuses: ({ kind }, at) =>
      ['text', 'SYN'].includes(kind) &&
      Array.from({ length: 21 }, (_, i) => i + 12).some((i) => i !== 13 && at(undefined, i)),
    ours: /^(nothing|A seq 0 ack 0 <TS ecr 5000>)$/,
    linux: /^(SA |A |RA? |failed$)/,
  },
];

export function excuse(mutation: Mutation, ours: string, linux: string): string | undefined {
  const [family] = mutation.families;
  const at = (ip: number | undefined, transport = -1): boolean =>
    mutation.changed.some((offset) => offset === ip || offset === family!.header + transport);
  return EXCUSES.find(
    (known) => known.excuses(mutation, at) && known.ours.test(ours) && known.linux.test(linux),
  )?.reason;
}
