import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type Family, IPV4 } from '../../../core/netstack/hostile/family.ts';
import { run } from '../../../support/child-process.ts';
import { icmpPacket, u16 } from '../../../support/packets.ts';
import { BenchNetwork } from '../../bench-network.ts';
import type { Answer, Wish } from './agent.ts';
import { AgentClient } from './agent-client.ts';
import type { Seen, Subject } from './subject.ts';

/** Nothing that Linux answers is left out because it has answered much already, and nobody's source is suspect. */
const SETTINGS = [
  'net.ipv4.icmp_ratelimit=0',
  'net.ipv4.icmp_msgs_per_sec=1000000',
  'net.ipv4.icmp_msgs_burst=1000000',
  'net.ipv6.icmp.ratelimit=0',
  'net.ipv4.tcp_challenge_ack_limit=2147483647',
  'net.ipv4.tcp_invalid_ratelimit=0',
  'net.ipv4.tcp_comp_sack_nr=0',
  'net.ipv4.conf.all.rp_filter=0',
  'net.ipv4.conf.default.rp_filter=0',
];
const MTU = 1420;
/** The echo request that says, by its answer, that all before it has been dealt with. */
const BARRIER = 0x7e57;
const PATIENCE = 5000;

/** Linux, in a namespace behind a TUN device. */
export class LinuxSubject implements Subject {
  readonly #network: BenchNetwork;
  readonly #socket: Socket;
  readonly #agent: AgentClient;
  #received: Uint8Array[] = [];
  #rest: Buffer = Buffer.alloc(0);
  #barriers = 0;
  #passed: (() => void) | undefined;

  private constructor(network: BenchNetwork, socket: Socket, agent: AgentClient) {
    this.#network = network;
    this.#socket = socket;
    this.#agent = agent;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
  }

  static async start(): Promise<LinuxSubject> {
    const peer = ['10.0.0.1/24', 'fd00::1/64'];
    const linux = ['10.0.0.2/24', 'fd00::2/64'];
    const network = await BenchNetwork.up({
      a: [{ is: 'ours', addresses: peer }],
      b: [{ is: 'linux', addresses: linux }],
      ab: {},
      ba: {},
      seed: 1,
      mtu: MTU,
    });
    const namespace = network.b[0]!.namespace!;
    for (const setting of SETTINGS) await namespace.exec('sysctl', '-qw', setting);
    const { device } = network.b[0]!;
    for (const [version, near] of [
      ['-4', '10.0.0.0/24'],
      ['-6', 'fd00::/64'],
    ] as const) {
      await namespace.exec('ip', version, 'route', 'del', near);
      await namespace.exec('ip', version, 'route', 'add', 'default', 'dev', device);
      // Text and FINs are acknowledged at once: the hosts' reasons to wait are no part of this.
      await namespace.exec('ip', version, 'route', 'replace', near, 'dev', device, 'quickack', '1');
    }
    const socket = connect({ path: network.a[0]!.path! });
    await once(socket, 'connect');
    return new LinuxSubject(network, socket, await AgentClient.start(namespace));
  }

  async stop(): Promise<void> {
    this.#socket.destroy();
    await this.#agent.stop();
    await this.#network.down();
  }

  begin(): void {
    this.#received = [];
  }

  async forgetPaths(): Promise<void> {
    const { name } = this.#network.b[0]!.namespace!;
    for (const version of ['-4', '-6']) await run('ip', ['-n', name, version, 'route', 'flush', 'cache']);
  }

  async inject(...packets: Uint8Array[]): Promise<Uint8Array[]> {
    for (const packet of packets) this.#socket.write(Buffer.concat([u16(packet.length), packet]));
    await this.#barrier();
    return this.#received.splice(0);
  }

  async wait(milliseconds: number): Promise<Uint8Array[]> {
    await delay(milliseconds);
    return this.inject();
  }

  async connect(family: Family, port: number, localPort: number): Promise<Uint8Array[]> {
    await this.#ask({ do: 'connect', port, localPort, address: family.peer });
    return this.#said();
  }

  async accepted(port: number): Promise<void> {
    await this.#ask({ do: 'accepted', port });
  }

  async write(port: number, bytes: number): Promise<Uint8Array[]> {
    await this.#ask({ do: 'write', port, bytes });
    return this.#said();
  }

  async shutdown(port: number): Promise<Uint8Array[]> {
    await this.#ask({ do: 'shutdown', port });
    return this.#said();
  }

  async seen(port: number): Promise<Seen | undefined> {
    return (await this.#ask({ do: 'seen', port })).seen;
  }

  async messages(): Promise<number[]> {
    return (await this.#ask({ do: 'messages', port: 0 })).messages!;
  }

  async end(port: number): Promise<void> {
    await this.#ask({ do: 'end', port });
  }

  /** What an application has asked for leaves when its turn is over. */
  async #said(): Promise<Uint8Array[]> {
    await this.#ask({ do: 'seen', port: 0 });
    return this.inject();
  }

  #ask(wish: Wish): Promise<Answer> {
    return this.#agent.ask(wish);
  }

  async #barrier(): Promise<void> {
    const rest = ((BARRIER << 16) | (++this.#barriers & 0xffff)) >>> 0;
    const echo = icmpPacket({ source: IPV4.peer, destination: IPV4.us, type: 8, rest });
    this.#socket.write(Buffer.concat([u16(echo.length), echo]));
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('Linux does not answer any more')), PATIENCE);
      this.#passed = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #take(chunk: Buffer): void {
    const bytes = Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.length - at >= 2) {
      const end = at + 2 + bytes.readUInt16BE(at);
      if (end > bytes.length) break;
      const packet = Uint8Array.from(bytes.subarray(at + 2, end));
      if (this.#isBarrier(packet)) this.#passed?.();
      else this.#received.push(packet);
      at = end;
    }
    this.#rest = bytes.subarray(at);
  }

  #isBarrier(packet: Uint8Array): boolean {
    const view = new DataView(packet.buffer);
    const isReply = packet[0] === 0x45 && packet[9] === 1 && packet[20] === 0;
    return isReply && view.getUint16(24) === BARRIER && view.getUint16(26) === (this.#barriers & 0xffff);
  }
}
