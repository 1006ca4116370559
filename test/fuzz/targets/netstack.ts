import { IpAddress } from '../../../src/core/address.ts';
import type { TcpConnection } from '../../../src/core/netstack/tcp/connection.ts';
import type { UdpBinding } from '../../../src/core/netstack/udp-binding.ts';
import { SECOND } from '../../../src/core/time.ts';
import { LoneStack, OUR_V4, OUR_V6, PEER_V4, PEER_V6 } from '../../support/lone-stack.ts';
import {
  concat,
  cut,
  icmpPacket,
  internetChecksum,
  ipPacket,
  ipv6,
  pseudoHeader,
  u16,
  u32,
  udpPacket,
} from '../../support/packets.ts';
import { SeededRandom } from '../../support/random.ts';

export const name = 'netstack';

const PACKETS = 40;
/** Room for the largest answer to a small packet: an ICMP error's two headers, or a TCP segment's options. */
const ANSWER_EXTRA = 60;

/**
 * One stack with sockets open, given packets that were valid before they were mutated. It must not throw, must not
 * answer with more than a little over what it got, and must still work in the end.
 */
export function run(seed: number): void {
  const random = new SeededRandom(seed);
  const lone = new LoneStack({ seed });
  const world = openSockets(lone);
  lone.exchange();
  for (let i = 0; i < PACKETS; i++) {
    const packet = mutate(makePacket(random), random);
    lone.now += random.below(4) === 0 ? random.below(120 * SECOND) : random.below(3);
    const before = lone.sent.length;
    lone.receive(packet);
    checkAnswers(packet, lone.sent.slice(before));
    if (random.below(3) === 0) lone.poll();
    readSome(world, random);
  }
  lone.poll();
  checkAlive(lone);
}

interface World {
  bindings: UdpBinding[];
  connections: TcpConnection[];
}

function openSockets(lone: LoneStack): World {
  const { stack, now } = lone;
  const [peer4, peer6] = [IpAddress.parse(PEER_V4)!, IpAddress.parse(PEER_V6)!];
  const bindings = [
    stack.bindUdp({ port: 53 }),
    stack.bindUdp({ port: 54, remote: { address: peer4, port: 1 } }),
    stack.bindUdp({ port: 54, remote: { address: peer6, port: 1 } }),
  ];
  stack.listenTcp({ port: 80 }, now);
  const connections = [
    stack.connectTcp({ address: peer4, port: 1 }, { localPort: 54 }, now),
    stack.connectTcp({ address: peer6, port: 1 }, { localPort: 54 }, now),
  ];
  for (const address of [peer4, peer6]) {
    const ping = stack.openPing(address);
    ping.send(1, 8, {}, now);
    ping.observer = { reply: () => {}, error: () => {} };
  }
  return { bindings, connections };
}

/** A valid packet that means something to the stack. */
function makePacket(random: SeededRandom): Uint8Array {
  const isIpv4 = random.below(2) === 0;
  const source = isIpv4 ? PEER_V4 : PEER_V6;
  const destination = isIpv4 ? OUR_V4 : OUR_V6;
  const data = random.bytes(random.below(random.below(8) === 0 ? 1300 : 80));
  const sourcePort = random.below(3);
  const destinationPort = [53, 54, 80, 9][random.below(4)]!;
  switch (random.below(8)) {
    case 0:
      return udpPacket({ source, destination, sourcePort, destinationPort, data });
    case 1:
    case 2:
      return ipPacket(
        source,
        destination,
        6,
        tcp(source, destination, sourcePort, destinationPort, data, random),
      );
    case 3: {
      const type = isIpv4 ? 8 : 128;
      return icmpPacket({ source, destination, type, rest: random.next(), data });
    }
    case 4: {
      // An error that quotes something that could be ours.
      const quoted = udpPacket({
        source: destination,
        destination: source,
        sourcePort: destinationPort,
        destinationPort: sourcePort,
        data,
      });
      const type = isIpv4 ? [3, 11, 12][random.below(3)]! : 1 + random.below(4);
      return icmpPacket({ source, destination, type, code: random.below(16), data: quoted });
    }
    case 5: {
      const whole = icmpPacket({ source, destination, type: isIpv4 ? 8 : 128, data: random.bytes(200) });
      const fragments = cut(whole, 56, random.below(2));
      return fragments[random.below(fragments.length)]!;
    }
    case 6:
      return isIpv4 ? ipPacket(source, destination, random.below(256), data) : chained(random, data);
    default:
      return random.bytes(random.below(200));
  }
}

function tcp(
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
function chained(random: SeededRandom, data: Uint8Array): Uint8Array {
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
  return ipv6({ source: PEER_V6, destination: OUR_V6, nextHeader: first, payload });
}

function mutate(packet: Uint8Array, random: SeededRandom): Uint8Array {
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
function checkAnswers(packet: Uint8Array, answers: Uint8Array[]): void {
  if (answers.length > 1) throw new Error(`${answers.length} answers to one packet`);
  for (const answer of answers) {
    const isFragment =
      packet[0]! >> 4 === 6 ? packet.includes(44) : (packet[6]! & 0x3f) !== 0 || packet[7] !== 0;
    if (!isFragment && answer.length > packet.length + ANSWER_EXTRA)
      throw new Error(`${answer.length} bytes in answer to ${packet.length}`);
  }
}

function readSome(world: World, random: SeededRandom): void {
  for (const binding of world.bindings) if (random.below(4) === 0) binding.receive();
  const buffer = new Uint8Array(1000);
  for (const connection of world.connections) if (random.below(4) === 0) connection.readInto(buffer);
}

function checkAlive(lone: LoneStack): void {
  lone.now += 200 * SECOND;
  lone.exchange();
  for (const [source, destination, type] of [
    [PEER_V4, OUR_V4, 8],
    [PEER_V6, OUR_V6, 128],
  ] as const) {
    const answers = lone.exchange(icmpPacket({ source, destination, type, rest: 1 }));
    if (!answers.some((answer) => answer[answer[0]! >> 4 === 4 ? 9 : 6] === (type === 8 ? 1 : 58)))
      throw new Error('no echo reply in the end');
  }
  const at = lone.stack.pollAt();
  if (Number.isNaN(at) || at <= 0) throw new Error(`nothing to do, but pollAt() is ${at}`);
}
