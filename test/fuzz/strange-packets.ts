// Packets that are mostly right, and what may be said to them.
import { PEER_V6 } from '../support/lone-stack.ts';
import { concat, internetChecksum, ipv6, pseudoHeader, u16, u32 } from '../support/packets.ts';
import type { SeededRandom } from '../support/random.ts';

/** Room for the largest answer to a small packet: an ICMP error's two headers, or a TCP segment's options. */
const ANSWER_EXTRA = 60;

/** A segment of these ends; all else is chance, but for the checksum. */
export function tcp(
  source: string,
  destination: string,
  sourcePort: number,
  destinationPort: number,
  data: Uint8Array,
  random: SeededRandom,
): Uint8Array {
  const options = random.bytes(4 * random.below(11));
  const segment = concat(
    u16(sourcePort),
    u16(destinationPort),
    u32(random.next()),
    u32(random.next()),
    Uint8Array.of((5 + options.length / 4) << 4, random.below(64)),
    u16(random.below(65_536)),
    u32(0),
    options,
    data,
  );
  segment.set(u16(internetChecksum(pseudoHeader(source, destination, 6, segment.length), segment)), 16);
  return segment;
}

/** An IPv6 packet with a chain of headers that are mostly right. */
export function chained(destination: string, random: SeededRandom, data: Uint8Array): Uint8Array {
  const kinds = [0, 43, 44, 60, 58, 17, 59];
  let nextHeader = kinds[random.below(kinds.length)]!;
  const first = nextHeader;
  const headers: Uint8Array[] = [];
  while ([0, 43, 44, 60].includes(nextHeader) && headers.length < 12) {
    nextHeader = kinds[random.below(kinds.length)]!;
    const header = concat(Uint8Array.of(nextHeader, 0), random.bytes(6));
    if (random.below(2) === 0) header.set([1, 4, 0, 0, 0, 0], 2);
    headers.push(header);
  }
  const payload = concat(...headers, data);
  return ipv6({ source: PEER_V6, destination, nextHeader: first, payload });
}

/** Some of it changed, or cut off. */
export function mutate(packet: Uint8Array, random: SeededRandom): Uint8Array {
  const changed = packet.slice(0, random.below(6) === 0 ? random.below(packet.length + 1) : packet.length);
  for (let times = random.below(4); times > 0 && changed.length > 0; times--)
    changed[random.below(changed.length)] = random.below(256);
  // Half of them with the header checksum put right again, to get further.
  if (changed.length >= 20 && changed[0]! >> 4 === 4 && random.below(2) === 0) {
    const headerLength = Math.min((changed[0]! & 15) * 4, changed.length);
    changed.set([0, 0], 10);
    changed.set(u16(internetChecksum(changed.slice(0, headerLength))), 10);
  }
  return changed;
}

/** At most one answer to a packet, and no larger: nobody may be flooded through us. A whole datagram is excepted. */
export function checkAnswers(packet: Uint8Array, answers: Uint8Array[]): void {
  if (answers.length > 1) throw new Error(`${answers.length} answers to one packet`);
  for (const answer of answers) {
    const isFragment =
      packet[0]! >> 4 === 6 ? packet.includes(44) : (packet[6]! & 0x3f) !== 0 || packet[7] !== 0;
    if (!isFragment && answer.length > packet.length + ANSWER_EXTRA)
      throw new Error(`${answer.length} bytes in answer to ${packet.length}`);
  }
}
