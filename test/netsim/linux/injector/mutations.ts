// Packets that are nearly right: from one seed each, a sound one with some bytes changed. The checksums are put right again in
// most of them, or nothing would be looked at behind them.
import { type Family, IPV4, IPV6 } from '../../../core/netstack/hostile/family.ts';
import { tcpPacket } from '../../../core/netstack/hostile/tcp-peer.ts';
import {
  counting,
  icmpPacket,
  internetChecksum,
  pseudoHeader,
  u16,
  udpPacket,
} from '../../../support/packets.ts';
import { SeededRandom } from '../../../support/random.ts';
import type { Case, Scene } from './case.ts';
import { altered } from './ip-cases.ts';
import { TCP_PORT, UDP_PORT } from './subject.ts';

const KINDS = ['echo', 'message', 'message to nobody', 'SYN', 'ACK to nobody', 'text'] as const;
type Kind = (typeof KINDS)[number];
/** Of the fields of a transport's header that hold a checksum, where. */
const CHECKSUM_AT: Record<number, number> = { 1: 2, 6: 16, 17: 6, 58: 2 };

function sound(kind: Kind, { family, peer }: Scene): Uint8Array {
  const ends = { source: family.peer, destination: family.us };
  const ports = { sourcePort: peer.port, destinationPort: TCP_PORT };
  switch (kind) {
    case 'echo':
      return icmpPacket({ ...ends, type: family.echoRequest, rest: 7, data: counting(32) });
    case 'message':
      return udpPacket({ ...ends, sourcePort: 9, destinationPort: UDP_PORT, data: counting(24) });
    case 'message to nobody':
      return udpPacket({ ...ends, sourcePort: 9, destinationPort: 7, data: counting(24) });
    case 'SYN':
      return tcpPacket({
        ...ends,
        ...ports,
        flags: 'S',
        sequence: 7000,
        options: Uint8Array.of(2, 4, 5, 100),
      });
    case 'ACK to nobody':
      return tcpPacket({ ...ends, ...ports, destinationPort: 81, flags: 'A', acknowledgment: 500 });
    case 'text':
      return peer.packet({ flags: 'PA', data: counting(24) });
  }
}

/** What is changed: at `at`, to `value`, which may also be one bit that flips. */
interface Change {
  at: number;
  bit: number | undefined;
  value: number;
}

function change(
  packet: Uint8Array,
  changes: readonly Change[],
  isRepaired: boolean,
  family: Family,
): Uint8Array {
  let copy: Uint8Array = packet.slice();
  for (const { at, bit, value } of changes) copy[at]! = bit === undefined ? value : copy[at]! ^ (1 << bit);
  if (!isRepaired) return copy;
  const protocol = packet[family === IPV4 ? 9 : 6]!;
  const field = family.header + CHECKSUM_AT[protocol]!;
  copy.set([0, 0], field);
  const rest = copy.subarray(family.header);
  const hasPseudo = protocol !== 1;
  const pseudo = hasPseudo ? pseudoHeader(family.peer, family.us, protocol, rest.length) : new Uint8Array(0);
  copy.set(u16(internetChecksum(pseudo, rest)), field);
  if (family === IPV4) copy = altered(copy, 0);
  return copy;
}

/** A case, and what of its packet is not as it should be. */
export interface Mutation extends Case {
  readonly kind: Kind;
  /** Offsets into the packet. */
  readonly changed: readonly number[];
}

export function mutationOf(seed: number): Mutation {
  const random = new SeededRandom(seed);
  const family = random.below(2) === 0 ? IPV4 : IPV6;
  const kind = KINDS[random.below(KINDS.length)]!;
  const header =
    family.header + (kind === 'SYN' ? 24 : kind === 'text' ? 32 : kind === 'ACK to nobody' ? 20 : 8);
  const changes = Array.from({ length: 1 + random.below(2) }, (): Change => {
    let at = random.below(header);
    // What is for nobody is not looked at: few changes to the addresses are enough.
    const isAddress = at >= (family === IPV4 ? 12 : 8) && at < family.header && random.below(8) > 0;
    // What a byte of these is, depends on the host's first number.
    const isAcknowledgment = kind === 'text' && at >= family.header + 8 && at < family.header + 12;
    if (isAddress || isAcknowledgment) at = random.below(8);
    return { at, bit: random.below(2) === 0 ? random.below(8) : undefined, value: random.below(256) };
  });
  const isRepaired = random.fraction() < 0.9;
  const places = changes.map(({ at, bit, value }) =>
    bit === undefined ? `${at} is ${value}` : `${at} bit ${bit}`,
  );
  return {
    kind,
    changed: changes.map(({ at }) => at),
    row: 0,
    name: `seed ${seed}, ${kind}: ${places.join(', ')}${isRepaired ? '' : ', not repaired'}`,
    families: [family],
    ...(kind === 'text' && { state: 'ESTABLISHED', options: { timestamps: true } }),
    packets: (scene) => [change(sound(kind, scene), changes, isRepaired, family)],
  };
}
