import { LoneStack, OUR_V4, OUR_V6, PEER_V4, PEER_V6 } from '../../support/lone-stack.ts';
import { cut, fragment, icmpPacket } from '../../support/packets.ts';
import { SeededRandom } from '../../support/random.ts';

export const name = 'reassembly';

/** Some more than a datagram may have fragments for. */
const LARGEST = 3000;

/**
 * Echo requests in fragments, all at once and out of order, some with fragments that are lost, repeated, or lie across
 * others. Whoever is whole is answered with what was sent; who was tampered with is not, and holds up nobody else.
 */
export function run(seed: number): void {
  const random = new SeededRandom(seed);
  const lone = new LoneStack({ seed });
  const pieces: Uint8Array[] = [];
  const whole: Uint8Array[] = [];
  for (let identification = 1; identification <= 1 + random.below(12); identification++) {
    const [source, destination, type] =
      random.below(2) === 0 ? ([PEER_V4, OUR_V4, 8] as const) : ([PEER_V6, OUR_V6, 128] as const);
    const data = random.bytes(100 + random.below(LARGEST));
    const packet = icmpPacket({ source, destination, type, rest: identification, data });
    // Never so small that the echo's header does not stand in the first.
    const fragments = cut(packet, 8 * (8 + random.below(100)), identification);
    const fate = random.below(4);
    if (fate === 0) fragments.splice(random.below(fragments.length), 1);
    if (fate === 1) fragments.push(fragments[random.below(fragments.length)]!.slice());
    if (fate === 2) fragments.push(overlapping(random, source, destination, identification));
    // A datagram of one fragment is whole without the other; one that lies across is judged by the order.
    if (fate === 1 || fate === 3) whole.push(data);
    pieces.push(...fragments);
  }
  shuffle(pieces, random);
  const answers: Uint8Array[] = [];
  for (const piece of pieces) {
    lone.receive(piece);
    if (random.below(5) === 0) lone.now += random.below(50);
  }
  answers.push(...lone.exchange());
  const replies = join(answers);
  for (const data of whole) {
    const isThere = replies.some(
      (reply) => reply.length === data.length && Buffer.compare(reply, data) === 0,
    );
    if (!isThere) throw new Error(`no answer to ${data.length} bytes that came whole`);
  }
  // What is incomplete is given up, and nothing is left to wait for.
  for (let i = 0; i < 3; i++) {
    lone.now += 61_000;
    lone.exchange();
  }
  if (lone.stack.pollAt() !== Number.POSITIVE_INFINITY) throw new Error('something is waited for in the end');
}

/** Something that lies across others of its datagram, or ends it elsewhere. */
function overlapping(
  random: SeededRandom,
  source: string,
  destination: string,
  identification: number,
): Uint8Array {
  const payload = random.bytes(8 * (1 + random.below(80)));
  const protocol = source === PEER_V4 ? 1 : 58;
  const more = random.below(3) > 0;
  return fragment({
    source,
    destination,
    protocol,
    identification,
    offset: 8 * random.below(60),
    more,
    payload,
  });
}

function shuffle(items: Uint8Array[], random: SeededRandom): void {
  for (let i = items.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [items[i], items[j]] = [items[j]!, items[i]!];
  }
}

/** The data of all echo replies among packets that may be fragments. */
function join(packets: Uint8Array[]): Uint8Array[] {
  const parts = new Map<string, { offset: number; bytes: Uint8Array }[]>();
  for (const packet of packets) {
    const isIpv4 = packet[0]! >> 4 === 4;
    const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
    const isFragment = isIpv4 ? (view.getUint16(6) & 0x3fff) !== 0 : packet[6] === 44;
    const offset = !isFragment ? 0 : isIpv4 ? (view.getUint16(6) & 0x1fff) * 8 : view.getUint16(42) & 0xfff8;
    const start = isIpv4 ? 20 : isFragment ? 48 : 40;
    const key = !isFragment
      ? `whole ${parts.size}`
      : isIpv4
        ? `4 ${view.getUint16(4)}`
        : `6 ${view.getUint32(44)}`;
    parts.set(key, [...(parts.get(key) ?? []), { offset, bytes: packet.slice(start) }]);
  }
  return [...parts.values()].map((those) => {
    const sorted = those.sort((a, b) => a.offset - b.offset).map(({ bytes }) => bytes);
    return Buffer.concat(sorted).subarray(8);
  });
}
