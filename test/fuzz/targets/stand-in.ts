import { IpAddress } from '../../../src/core/address.ts';
import type { ForeignVerdict } from '../../../src/core/netstack/foreign.ts';
import type { TcpConnection } from '../../../src/core/netstack/tcp/connection.ts';
import type { TcpListener } from '../../../src/core/netstack/tcp/listener.ts';
import { PacketBuffer } from '../../../src/core/packet-buffer.ts';
import { SECOND } from '../../../src/core/time.ts';
import { LoneStack, OUR_V4, OUR_V6, PEER_V4, PEER_V6 } from '../../support/lone-stack.ts';
import { cut, icmpPacket, ipPacket, udpPacket } from '../../support/packets.ts';
import { SeededRandom } from '../../support/random.ts';
import { tcpPacket } from '../../support/tcp-packets.ts';
import { chained, checkAnswers, mutate, tcp } from '../strange-packets.ts';

export const name = 'stand-in';

const STEPS = 50;
const HOSTS_V4 = ['203.0.113.7', '198.51.100.1', '224.0.0.251', '255.255.255.255', '0.0.0.0', OUR_V4];
const HOSTS_V6 = ['2001:db8::7', '2001:db8::8', 'ff02::fb', '::', OUR_V6];
const [FIN, SYN, RST, ACK] = [1, 2, 4, 16];

/**
 * A stack that stands in for other hosts, as a gateway's does, behind a guard that decides by chance, at once or later. It
 * must not throw, must answer with no more than a little over what it got and in nobody's name but the host's that was meant
 * or its own, and must have let go of everything when the gateway is gone.
 */
export function run(seed: number): void {
  const world = new World(new SeededRandom(seed), seed);
  for (let step = 0; step < STEPS; step++) world.step();
  world.end();
}

/** A peer's side of a connection that was answered in another's name. */
interface Flow {
  source: string;
  destination: string;
  sourcePort: number;
  destinationPort: number;
  next: number;
  acknowledgment: number;
}

class World {
  readonly #random: SeededRandom;
  readonly #lone: LoneStack;
  readonly #listener: TcpListener;
  readonly #held: Uint8Array[] = [];
  readonly #flows: Flow[] = [];
  readonly #connections: TcpConnection[] = [];
  #isAgain = false;

  constructor(random: SeededRandom, seed: number) {
    this.#random = random;
    this.#lone = new LoneStack({ seed });
    this.#lone.stack.standIn({
      judge: (packet, header) => {
        const verdict = this.#verdict();
        if (verdict === 'taken' && !this.#isAgain && this.#held.length < 20)
          this.#held.push(packet.memory.slice(header.start, packet.end));
        return verdict;
      },
    });
    this.#listener = this.#lone.stack.tcp.listenForOthers({});
  }

  step(): void {
    const random = this.#random;
    this.#lone.now += random.below(6) === 0 ? random.below(130 * SECOND) : random.below(3);
    const kind = random.below(8);
    if (kind === 0) this.#again();
    else if (kind === 1) this.#openFlow();
    else if (kind === 2) this.#use();
    else if (kind === 3) this.#sendFor();
    else this.#receive(kind === 4 ? this.#flowPacket() : mutate(this.#strangePacket(), random));
    if (random.below(2) === 0) this.#poll();
  }

  end(): void {
    const lone = this.#lone;
    const { stack } = lone;
    this.#poll();
    this.#listener.close();
    stack.standIn(undefined);
    for (const connection of this.#connections) connection.abort();
    lone.now += 200 * SECOND;
    lone.exchange();
    const { connectionCount, halfOpenCount } = stack.tcp;
    if (connectionCount > 0 || halfOpenCount > 0)
      throw new Error(`${connectionCount} connections and ${halfOpenCount} half of one are left`);
    const request = { source: PEER_V4, destination: HOSTS_V4[0]!, type: 8, rest: 1 };
    if (lone.exchange(icmpPacket(request)).length > 0) throw new Error('it still stands in');
    if (lone.exchange(icmpPacket({ ...request, destination: OUR_V4 })).length !== 1)
      throw new Error('no echo reply in the end');
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#random.below(from.length)]!;
  }

  #verdict(): ForeignVerdict {
    return this.#pick<ForeignVerdict>(['deliver', 'deliver', 'deliver', 'taken', 'refuse', 1, 3, 13]);
  }

  /** Hands a packet in and looks at what is said to it. */
  #receive(packet: Uint8Array, give = (bytes: Uint8Array) => this.#lone.receive(bytes)): void {
    const { sent } = this.#lone;
    const before = sent.length;
    give(packet);
    const answers = sent.slice(before);
    checkAnswers(packet, answers);
    for (const answer of answers) checkSource(packet, answer);
  }

  /** What was held back comes again, from memory that is not the stack's own, as a gateway hands it in. */
  #again(): void {
    const bytes = this.#held.shift();
    if (!bytes) return;
    this.#isAgain = true;
    this.#receive(bytes, (bytes) => {
      const packet = new PacketBuffer(
        { bytes, view: new DataView(bytes.buffer) },
        { start: 0, end: bytes.length },
      );
      packet.place(0, bytes.length);
      this.#lone.stack.receivePacket(packet, this.#lone.now);
    });
    this.#isAgain = false;
  }

  /** A SYN, and the rest of the handshake where it is answered. */
  #openFlow(): void {
    const random = this.#random;
    const isIpv4 = random.below(2) === 0;
    const flow = {
      source: isIpv4 ? PEER_V4 : PEER_V6,
      destination: isIpv4 ? HOSTS_V4[0]! : HOSTS_V6[0]!,
      sourcePort: 1 + random.below(5),
      destinationPort: 80,
      next: random.next(),
      acknowledgment: 0,
    };
    this.#receive(tcpPacket({ ...flow, sequence: flow.next, flags: SYN }));
    const [answer] = this.#lone.exchange().slice(-1);
    const start = isIpv4 ? 20 : 40;
    if (answer?.[isIpv4 ? 9 : 6] !== 6 || answer[start + 13] !== (SYN | ACK)) return;
    flow.next = (flow.next + 1) >>> 0;
    flow.acknowledgment = (new DataView(answer.buffer).getUint32(start + 4) + 1) >>> 0;
    this.#flows.push(flow);
    this.#receive(tcpPacket({ ...flow, sequence: flow.next, flags: ACK }));
    const connection = this.#listener.accept();
    if (connection) this.#connections.push(connection);
  }

  /** Something that the peer of a connection could say. */
  #flowPacket(): Uint8Array {
    const random = this.#random;
    const flow = this.#flows.at(-1 - random.below(3));
    if (!flow) return mutate(this.#strangePacket(), random);
    const data = random.bytes(this.#pick([0, 1, 100, 1300]));
    const flags = ACK | this.#pick([0, 0, 0, FIN, RST, SYN]);
    const packet = tcpPacket({ ...flow, sequence: flow.next, flags, data, window: random.below(65_536) });
    flow.next = (flow.next + data.length) >>> 0;
    return packet;
  }

  #strangePacket(): Uint8Array {
    const random = this.#random;
    const isIpv4 = random.below(2) === 0;
    const source = isIpv4 ? PEER_V4 : PEER_V6;
    const destination = this.#pick(isIpv4 ? HOSTS_V4 : HOSTS_V6);
    const ends = {
      source,
      destination,
      sourcePort: random.below(4),
      destinationPort: this.#pick([53, 80, 0]),
    };
    const data = random.bytes(random.below(80));
    const echo = { source, destination, type: isIpv4 ? 8 : 128, rest: random.next() };
    switch (random.below(7)) {
      case 0:
        return udpPacket({ ...ends, data });
      case 1:
        return this.#pick(cut(udpPacket({ ...ends, data: random.bytes(300) }), 56, random.below(2)));
      case 2:
        return icmpPacket({ ...echo, data });
      case 3: {
        const quoted = udpPacket({ ...ends, source: destination, destination: source, data });
        return icmpPacket({
          ...echo,
          type: isIpv4 ? this.#pick([3, 11, 12]) : 1 + random.below(4),
          data: quoted,
        });
      }
      case 4:
        return isIpv4
          ? ipPacket(source, destination, random.below(256), data)
          : chained(destination, random, data);
      default: {
        const segment = tcp(source, destination, ends.sourcePort, ends.destinationPort, data, random);
        return ipPacket(source, destination, 6, segment);
      }
    }
  }

  /** What a gateway does with a connection. */
  #use(): void {
    const random = this.#random;
    const accepted = this.#listener.accept();
    if (accepted) this.#connections.push(accepted);
    const connection = this.#connections.at(-1 - random.below(3));
    if (!connection) return;
    connection.readInto(new Uint8Array(1 + random.below(3000)));
    const act = random.below(8);
    if (act === 0) connection.shutdown();
    else if (act === 1) connection.abort();
    else connection.write(random.bytes(random.below(3000)));
  }

  /** A datagram comes back from beyond. */
  #sendFor(): void {
    const isIpv4 = this.#random.below(2) === 0;
    const at = (text: string, port: number) => ({ address: IpAddress.parse(text)!, port });
    const from = at(isIpv4 ? HOSTS_V4[0]! : HOSTS_V6[0]!, 53);
    const to = at(isIpv4 ? PEER_V4 : PEER_V6, 1 + this.#random.below(5));
    this.#lone.stack.sendUdpFor(from, to, this.#random.bytes(this.#pick([0, 1, 1000, 5000, 70_000])));
  }

  #poll(): void {
    this.#lone.poll();
    this.#lone.take();
  }
}

/** In the name of the host that was meant, or in our own. */
function checkSource(packet: Uint8Array, answer: Uint8Array): void {
  const isIpv4 = answer[0]! >> 4 === 4;
  const [from, to, length] = isIpv4 ? [12, 16, 4] : [8, 24, 16];
  const source = String(IpAddress.readFrom(answer, from, isIpv4 ? 4 : 6));
  const wanted = packet[0]! >> 4 === answer[0]! >> 4 && packet.length >= to + length;
  if (source === OUR_V4 || source === OUR_V6) return;
  if (!wanted || source !== String(IpAddress.readFrom(packet, to, isIpv4 ? 4 : 6)))
    throw new Error(`an answer in the name of ${source}`);
}
