import { LoneStack, OUR_V4, OUR_V6, PEER_V4, PEER_V6 } from '../../support/lone-stack.ts';
import { concat, icmp, ipv4, ipv6, u16, u32 } from '../../support/packets.ts';
import { SeededRandom } from '../../support/random.ts';
import { isControl } from '../hostile-peer.ts';

export const name = 'ip-headers';

const PACKETS = 60;
const EXTENSIONS = [0, 43, 44, 51, 60, 135, 139, 59];
/** An error's own headers, before what it quotes. */
const ANSWER_EXTRA = 60;

/**
 * IPv4 options and chains of IPv6 extension headers, mostly well formed, before an echo request: one answer at most,
 * never much larger than what it answers, and after all of them the stack answers a plain one.
 */
export function run(seed: number): void {
  const random = new SeededRandom(seed);
  const lone = new LoneStack({ seed });
  for (let i = 0; i < PACKETS; i++) {
    const packet = random.below(3) === 0 ? withOptions(random) : withExtensions(random);
    lone.now += random.below(200);
    const answers = lone.exchange(packet);
    if (answers.length > 1) throw new Error(`${answers.length} answers to one packet`);
    for (const answer of answers)
      if (isControl(answer) && answer.length > packet.length + ANSWER_EXTRA)
        throw new Error(`${answer.length} bytes in answer to ${packet.length}`);
  }
  lone.now += 100_000;
  const echo = ipv4({
    source: PEER_V4,
    destination: OUR_V4,
    protocol: 1,
    payload: icmp({ source: PEER_V4, destination: OUR_V4, type: 8 }),
  });
  if (lone.exchange(echo).length === 0) throw new Error('no echo reply in the end');
}

function withOptions(random: SeededRandom): Uint8Array {
  const options: Uint8Array[] = [];
  let left = 40;
  while (left > 0 && random.below(5) > 0) {
    const kind = [0, 1, 7, 68, 130, 131, 137, 148, random.below(256)][random.below(9)]!;
    const length = random.below(8) === 0 ? random.below(256) : 2 + random.below(Math.max(1, left - 1));
    const option =
      kind < 2
        ? Uint8Array.of(kind)
        : concat(Uint8Array.of(kind, length), random.bytes(Math.max(0, Math.min(length - 2, left - 2))));
    if (option.length > left) break;
    options.push(option);
    left -= option.length;
  }
  const payload = icmp({ source: PEER_V4, destination: OUR_V4, type: 8, data: random.bytes(20) });
  return ipv4({ source: PEER_V4, destination: OUR_V4, protocol: 1, options: concat(...options), payload });
}

function withExtensions(random: SeededRandom): Uint8Array {
  const destination = random.below(6) === 0 ? 'ff02::1' : OUR_V6;
  const kinds = Array.from({ length: random.below(10) }, () => EXTENSIONS[random.below(EXTENSIONS.length)]!);
  const parts = kinds.map((kind, i) => extension(random, kind, kinds[i + 1] ?? 58));
  const payload = concat(...parts, icmp({ source: PEER_V6, destination, type: 128, data: random.bytes(20) }));
  const cut = random.below(6) === 0 ? payload.slice(0, random.below(payload.length + 1)) : payload;
  return ipv6({ source: PEER_V6, destination, nextHeader: kinds[0] ?? 58, payload: cut });
}

function extension(random: SeededRandom, kind: number, next: number): Uint8Array {
  const isHonest = random.below(8) > 0;
  if (kind === 44) {
    const offset = random.below(3) === 0 ? 8 * random.below(100) : 0;
    return concat(Uint8Array.of(next, 0), u16(offset | random.below(2)), u32(random.below(3)));
  }
  const words = random.below(3);
  const length = isHonest ? words : random.below(256);
  const body = random.bytes(6 + 8 * words);
  if (kind === 43) body.set([random.below(3), random.below(2)]);
  if (kind === 0 || kind === 60) fillOptions(body, random);
  return concat(Uint8Array.of(next, length), body);
}

/** Options that fill the header, mostly. */
function fillOptions(body: Uint8Array, random: SeededRandom): void {
  for (let at = 0; at < body.length && random.below(10) > 0; ) {
    const kind = [0, 1, 5, 0x1e, 0x5e, 0x9e, 0xc2, 0xde][random.below(8)]!;
    body[at] = kind;
    if (kind === 0) {
      at++;
      continue;
    }
    const room = Math.max(0, body.length - at - 2);
    body[at + 1] = random.below(8) === 0 ? random.below(256) : random.below(room + 1);
    at += 2 + body[at + 1]!;
  }
}
