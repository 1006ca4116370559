// What the rows of the table of hostile inputs stand on: a stack of its own for each row and IP version, raw packets in,
// and a look at what came of them.
import { it } from 'vitest';
import { LoneStack, OUR_V4, OUR_V6, PEER_V4, PEER_V6 } from '../../../support/lone-stack.ts';
import { ipPacket, udp } from '../../../support/packets.ts';

export interface Family {
  readonly name: 'IPv4' | 'IPv6';
  readonly us: string;
  readonly peer: string;
  /** In our network, but nobody. */
  readonly stranger: string;
  readonly prefix: number;
  /** The length of the IP header. */
  readonly header: number;
  readonly icmp: number;
  readonly echoRequest: number;
  readonly echoReply: number;
  readonly unreachable: number;
  readonly portCode: number;
}

export const IPV4: Family = {
  name: 'IPv4',
  us: OUR_V4,
  peer: PEER_V4,
  stranger: '10.0.0.77',
  prefix: 24,
  header: 20,
  icmp: 1,
  echoRequest: 8,
  echoReply: 0,
  unreachable: 3,
  portCode: 3,
};

export const IPV6: Family = {
  name: 'IPv6',
  us: OUR_V6,
  peer: PEER_V6,
  stranger: 'fd00::77',
  prefix: 64,
  header: 40,
  icmp: 58,
  echoRequest: 128,
  echoReply: 129,
  unreachable: 1,
  portCode: 4,
};

type Tests = (family: Family) => void;

/** Row `number` of the table, over both versions. */
export function row(number: number, sentence: string, tests: Tests): void {
  for (const family of [IPV4, IPV6])
    it(`row ${number} over ${family.name}: ${sentence}`, () => tests(family), 30_000);
}

/** A row whose input only one version knows. */
export function rowOf(version: 'IPv4' | 'IPv6', number: number, sentence: string, tests: Tests): void {
  it(`row ${number} over ${version}: ${sentence}`, () => tests(version === 'IPv4' ? IPV4 : IPV6), 30_000);
}

/** Of a packet from the peer to us, with another source or destination if wanted. */
export function datagram(
  family: Family,
  sourcePort: number,
  destinationPort: number,
  data: Uint8Array = new Uint8Array(4),
  source: string = family.peer,
): Uint8Array {
  return ipPacket(
    source,
    family.us,
    17,
    udp({ source, destination: family.us, sourcePort, destinationPort, data }),
  );
}

/** The sum of all drops, by reason, of a stack that has just been given `packets`; whether it said anything. */
export function fate(...packets: Uint8Array[]): { answers: number; drops: string[] } {
  const lone = new LoneStack();
  const answers = lone.exchange(...packets).length;
  return { answers, drops: dropsOf(lone) };
}

/** Every reason that was counted. */
export function dropsOf(lone: LoneStack): string[] {
  return [...Object.keys(lone.drops), ...Object.keys(lone.stack.tcp.drops.toRecord())];
}
