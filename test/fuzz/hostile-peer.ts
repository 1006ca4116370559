import { IpAddress } from '../../src/core/address.ts';
import type { TcpConnection } from '../../src/core/netstack/tcp/connection.ts';
import type { TcpListener } from '../../src/core/netstack/tcp/listener.ts';
import { ACK, FIN, RST, readTcp, SYN, TcpSegment } from '../../src/core/wire/tcp.ts';
import { Inside } from '../sim/inside.ts';
import { LoneStack, OUR_V4, OUR_V6, PEER_V4, PEER_V6 } from '../support/lone-stack.ts';
import { concat, u16, u32 } from '../support/packets.ts';
import type { SeededRandom } from '../support/random.ts';
import { tcpPacket } from '../support/tcp-packets.ts';

/** A TCP answer without text, or an ICMP error, may be so much longer than what it answers: options, two headers. */
const ANSWER_EXTRA = 60;
const MINUTE = 60_000;
const PEER_ISN = 1_000_000;

/** One connection as the peer knows it. */
export interface Target {
  connection: TcpConnection;
  version: 4 | 6;
  ourPort: number;
  peerPort: number;
  /** The peer's next number, and ours as far as it was seen. */
  next: number;
  sentFrom: number;
  sentTo: number;
  hasTimestamps: boolean;
  /** Our last timestamp. */
  stamp: number;
}

/**
 * A stack with established connections, and somebody outside who knows all their numbers and sends what he likes, with
 * right checksums. After each packet and each poll the stack is looked into.
 */
export class HostilePeer {
  readonly lone: LoneStack;
  readonly targets: Target[] = [];
  readonly random: SeededRandom;
  readonly #inside: Inside;
  readonly #listeners: TcpListener[] = [];
  readonly #segment = new TcpSegment();

  constructor(random: SeededRandom, seed: number) {
    this.random = random;
    this.lone = new LoneStack({ seed });
    this.#inside = new Inside({ name: 'we', stack: this.lone.stack, congested: false });
    for (const version of [4, 6] as const)
      for (const isPassive of [false, true]) this.#establish(version, isPassive);
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.random.below(choices.length)]!;
  }

  /** Hands in a packet and checks what is answered at once. Returns the answers. */
  send(packet: Uint8Array): Uint8Array[] {
    const before = this.lone.sent.length;
    this.lone.receive(packet);
    const answers = this.lone.sent.slice(before);
    const controls = answers.filter(isControl);
    if (controls.length > 1) throw new Error(`${controls.length} answers to one packet`);
    for (const { length } of controls)
      if (length > packet.length + ANSWER_EXTRA)
        throw new Error(`${length} bytes in answer to ${packet.length}`);
    for (const answer of answers) this.#note(answer);
    return answers;
  }

  poll(): void {
    const before = this.lone.sent.length;
    const { lone } = this;
    lone.poll();
    // Whoever closes what has been trying for long gives it up in the next poll.
    if (lone.stack.pollAt() <= lone.now) lone.poll();
    for (const packet of this.lone.sent.slice(before)) this.#note(packet);
    this.lone.sent.length = 0;
    this.#inside.check(this.lone.now, true);
  }

  wait(ms: number): void {
    this.lone.now += ms;
    this.poll();
  }

  /** A segment of the connection, whatever stands in it. */
  packet(target: Target, fields: Partial<Parameters<typeof tcpPacket>[0]>): Uint8Array {
    return tcpPacket({
      source: target.version === 4 ? PEER_V4 : PEER_V6,
      destination: target.version === 4 ? OUR_V4 : OUR_V6,
      sourcePort: target.peerPort,
      destinationPort: target.ourPort,
      sequence: target.next >>> 0,
      acknowledgment: target.sentTo >>> 0,
      ...fields,
    });
  }

  timestamps(target: Target, value: number, echo: number): Uint8Array {
    return target.hasTimestamps
      ? concat(Uint8Array.of(1, 1, 8, 10), u32(value >>> 0), u32(echo >>> 0))
      : new Uint8Array(0);
  }

  /** Everything ends, and nothing is left of it. */
  finish(): void {
    const { lone } = this;
    for (const { connection } of this.targets) connection.abort();
    for (const listener of this.#listeners) listener.close();
    this.poll();
    for (let i = 0; i < 12; i++) this.wait(MINUTE);
    const { stack } = lone;
    if (stack.tcp.pages.used !== 0) throw new Error(`${stack.tcp.pages.used} pages left behind`);
    if (stack.tcp.connectionCount > 0)
      throw new Error(`${stack.tcp.connectionCount} connections left behind`);
  }

  #establish(version: 4 | 6, isPassive: boolean): void {
    const { lone, random } = this;
    const peer = IpAddress.parse(version === 4 ? PEER_V4 : PEER_V6)!;
    const hasTimestamps = random.below(2) === 0;
    const options = concat(
      Uint8Array.of(2, 4, ...u16(500 + random.below(1000))),
      random.below(2) === 0 ? Uint8Array.of(1, 1, 4, 2) : new Uint8Array(0),
      random.below(2) === 0 ? Uint8Array.of(1, 3, 3, random.below(16)) : new Uint8Array(0),
      hasTimestamps ? concat(Uint8Array.of(1, 1, 8, 10), u32(1), u32(0)) : new Uint8Array(0),
    );
    const [ourPort, peerPort] = isPassive ? [80, 5000] : [6000, 9];
    const target = {
      version,
      ourPort,
      peerPort,
      next: PEER_ISN,
      sentFrom: 0,
      sentTo: 0,
      hasTimestamps,
      stamp: 0,
    } as Target;
    this.targets.push(target);
    if (isPassive) {
      const listener = lone.stack.listenTcp(
        { port: 80, address: IpAddress.parse(version === 4 ? '0.0.0.0' : '::')!, ipv6Only: true, backlog: 4 },
        lone.now,
      );
      this.#listeners.push(listener);
      this.send(this.packet(target, { flags: SYN, options, acknowledgment: 0 }));
      this.poll();
      target.next++;
      this.send(this.packet(target, { flags: ACK, options: this.timestamps(target, 2, target.stamp) }));
      this.poll();
      target.connection = listener.accept()!;
    } else {
      target.connection = lone.stack.connectTcp(
        { address: peer, port: peerPort },
        { localPort: ourPort },
        lone.now,
      );
      this.poll();
      this.send(this.packet(target, { flags: SYN | ACK, options }));
      target.next++;
      this.poll();
    }
    if (target.connection?.state !== 'ESTABLISHED')
      throw new Error(`not established: ${target.connection?.state}`);
  }

  /** What leaves tells the peer our numbers. */
  #note(packet: Uint8Array): void {
    const isIpv4 = packet[0]! >> 4 === 4;
    if (packet[isIpv4 ? 9 : 6] !== 6) return;
    const segment = this.#segment;
    if (
      !readTcp(
        new DataView(packet.buffer, packet.byteOffset, packet.length),
        isIpv4 ? 20 : 40,
        packet.length,
        segment,
      )
    )
      throw new Error(`a malformed segment left: ${Buffer.from(packet).toString('hex').slice(0, 200)}`);
    const target = this.targets.find(
      ({ version, ourPort, peerPort }) =>
        (version === 4) === isIpv4 && ourPort === segment.sourcePort && peerPort === segment.destinationPort,
    );
    if (!target || segment.has(RST)) return;
    const end = (segment.sequence + segment.length) | 0;
    if (segment.has(SYN)) target.sentFrom = target.sentTo = end;
    if (((end - target.sentTo) | 0) > 0) target.sentTo = end;
    if (segment.hasTimestamps) target.stamp = segment.tsVal;
  }
}

/** Whether it is a reset, an ACK without text, or an ICMP error: what nobody may be flooded with. */
export function isControl(packet: Uint8Array): boolean {
  const isIpv4 = packet[0]! >> 4 === 4;
  const start = isIpv4 ? 20 : 40;
  const protocol = packet[isIpv4 ? 9 : 6];
  if (protocol === 6)
    return packet.length === start + (packet[start + 12]! >> 4) * 4 && (packet[start + 13]! & FIN) === 0;
  return protocol === 1
    ? [3, 4, 5, 11, 12].includes(packet[start]!)
    : protocol === 58 && packet[start]! < 128;
}
