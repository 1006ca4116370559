// What the rows of the table of hostile inputs stand on: a stack of its own for each row and IP version, raw packets in,
// and a look at what came of them.
import { it } from 'vitest';
import { LoneStack } from '../../../support/lone-stack.ts';
import { ipPacket, udp } from '../../../support/packets.ts';
import { type Family, IPV4, IPV6 } from './family.ts';

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
