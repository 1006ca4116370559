import { IpAddress } from '../../../src/core/address.ts';
import type { TcpConnection } from '../../../src/core/netstack/tcp/connection.ts';
import type { UdpBinding } from '../../../src/core/netstack/udp-binding.ts';
import { SECOND } from '../../../src/core/time.ts';
import { LoneStack, OUR_V4, OUR_V6, PEER_V4, PEER_V6 } from '../../support/lone-stack.ts';
import { cut, icmpPacket, ipPacket, udpPacket } from '../../support/packets.ts';
import { SeededRandom } from '../../support/random.ts';
import { chained, checkAnswers, mutate, tcp } from '../strange-packets.ts';

export const name = 'netstack';

const PACKETS = 40;
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
      return isIpv4
        ? ipPacket(source, destination, random.below(256), data)
        : chained(destination, random, data);
    default:
      return random.bytes(random.below(200));
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
