import { randomBytes } from 'node:crypto';
import { Tunnel } from '../../src/node/index.ts';
import { UdpPeer } from '../bench/native.ts';
import { until } from '../support/child-process.ts';
import { DatagramProxy, type ProxyProfile } from '../support/datagram-proxy.ts';
import { freeTcpPort } from '../support/free-port.ts';
import { startServices } from '../support/inner-programs.ts';
import { generateKeys } from '../support/keys.ts';
import { LineStream } from '../support/line-stream.ts';
import { ourConfig, RealPeer } from '../support/real-peer.ts';
import { RelayProcess, type RelayProcessOptions } from '../support/relay-process.ts';
import { Balancer } from './balancer.ts';
import { DatagramCrowd } from './datagram-crowd.ts';

export interface ChaosOptions {
  relay?: Partial<RelayProcessOptions>;
  /** A second relay with the same ticket keys, to which connections go that the first does not take. */
  second?: Partial<RelayProcessOptions>;
  /** Between relay and peer. */
  network?: ProxyProfile;
  /** So many clients besides, which exchange datagrams with another peer. */
  crowd?: number;
}

/** wireguard-go, one or two relays behind a load balancer, our tunnel through them, and a stream of numbered lines in it. */
export class ChaosLab {
  readonly ticketKey = randomBytes(32).toString('hex');
  peer!: RealPeer;
  relays: RelayProcess[] = [];
  balancer!: Balancer;
  /** Between relay and peer, where there is one. */
  network: DatagramProxy | undefined;
  crowd: DatagramCrowd | undefined;
  tunnel!: Tunnel;
  stream!: LineStream;
  readonly #undo: (() => unknown)[] = [];

  static async up(options: ChaosOptions): Promise<ChaosLab> {
    const lab = new ChaosLab();
    try {
      await lab.#up(options);
    } catch (error) {
      await lab.down();
      throw error;
    }
    return lab;
  }

  async #up({ relay = {}, second, network, crowd }: ChaosOptions): Promise<void> {
    const keys = generateKeys();
    this.peer = await RealPeer.up({ publicKey: keys.publicKey });
    this.#undo.push(() => this.peer.down());
    let { endpoint } = this.peer;
    if (network) {
      const proxy = await DatagramProxy.start(this.peer.port, network);
      this.#undo.push(() => proxy.stop());
      this.network = proxy;
      endpoint = proxy.endpoint;
    }
    const allow = [endpoint];
    const other = crowd === undefined ? undefined : await UdpPeer.start();
    if (other) {
      this.#undo.push(() => other.stop());
      allow.push(`127.0.0.1:${other.port}`);
    }
    for (const options of second ? [relay, second] : [relay]) {
      const started = await RelayProcess.start({
        allow,
        origins: [],
        allowNoOrigin: true,
        ticketKeys: [this.ticketKey],
        admin: `127.0.0.1:${await freeTcpPort()}`,
        ...options,
      });
      this.#undo.push(() => started.kill());
      this.relays.push(started);
    }
    this.balancer = await Balancer.start(this.relays.map(({ port }) => port));
    this.#undo.push(() => this.balancer.stop());
    if (other) this.crowd = await DatagramCrowd.open(this.balancer.url, other.port, crowd!);
    this.#undo.push(() => this.crowd?.close());
    const config = ourConfig(this.peer, keys.privateKey, endpoint);
    this.tunnel = await Tunnel.open(config, { relay: this.balancer.url });
    this.#undo.push(() => this.tunnel.close());
    await this.tunnel.ready;
    this.stream = await LineStream.open(this.tunnel, this.peer);
    await until('the first lines', () => this.stream.times.length > 10, 20_000);
  }

  /** Whoever began them, as wireguard-go counts them. */
  get handshakes(): number {
    return this.peer.log.match(/Received handshake (initiation|response)/g)?.length ?? 0;
  }

  /** Sends so many bytes to the peer, which sends them back. Throws if not exactly these come. */
  async echo(bytes: number): Promise<void> {
    await startServices(this.peer.namespace);
    const { readable, writable } = await new this.tunnel.TCPSocket(this.peer.inner.peer4, 7).opened;
    const sent = randomBytes(bytes);
    const send = async (): Promise<void> => {
      const writer = writable.getWriter();
      await writer.write(sent);
      await writer.close();
    };
    const receive = async (): Promise<Buffer> => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of readable as unknown as AsyncIterable<Uint8Array>) chunks.push(chunk);
      return Buffer.concat(chunks);
    };
    const [back] = await Promise.all([receive(), send()]);
    if (!back.equals(sent)) throw new Error(`of ${bytes} bytes ${back.length} came back, or others`);
  }

  /** How long after `moment` a ping is answered, in ms. */
  async answered(moment: number, timeout: number): Promise<number> {
    const options = { count: Math.ceil(timeout / 200), interval: 200, timeout: 1000 };
    for await (const { ok } of this.tunnel.ping(this.peer.inner.peer4, options))
      if (ok) return performance.now() - moment;
    return Number.POSITIVE_INFINITY;
  }

  /** How many sessions the relays say went on, by level. */
  get resumed(): string {
    const said = this.relays.map(({ output }) => output).join('\n');
    const levels = [...said.matchAll(/"how":"(l[12])"/g)].map(([, level]) => level!);
    // Of a crowd, only how many each.
    if (levels.length <= 10) return levels.join(' ') || 'none';
    const count = (wanted: string) => levels.filter((level) => level === wanted).length;
    return `${count('l1')} l1, ${count('l2')} l2`;
  }

  async down(): Promise<void> {
    for (const undo of this.#undo.splice(0).reverse()) await undo();
  }
}
