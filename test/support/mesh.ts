// Real peers around one tunnel of ours, directly or through the relay.
import { join } from 'node:path';
import type { Browser } from '@playwright/test';
import { type Limits, readDestination } from '../../src/relay-host/index.ts';
import type { Child } from './child-process.ts';
import { DatagramProxy, type ProxyProfile } from './datagram-proxy.ts';
import { freeUdpPort } from './free-port.ts';
import { startServices } from './inner-programs.ts';
import { generateKeys, generatePresharedKey, type KeyPair } from './keys.ts';
import { NodeSide, type OurSide, PageSide, type Way } from './our-side.ts';
import { PageServer } from './page-server.ts';
import { INNER, type InnerAddresses, innerOf, type KnownPeer, RealPeer } from './real-peer.ts';
import { RelayProcess } from './relay-process.ts';

export interface MeshOptions {
  way: Way;
  /** Our engine is in Node also where the way is through the relay. */
  inNode?: boolean;
  /** Default: one. The n-th has the inner addresses of `innerOf(n)`; a single one those of `INNER`. */
  peers?: readonly MeshPeer[];
  /** Of the tunnel, on both sides. */
  mtu?: number;
  /** The relay lets the peers call first. */
  listen?: boolean;
  limits?: Partial<Limits>;
  /** Ports of 127.0.0.1 that the relay allows besides. */
  alsoAllow?: readonly number[];
}

export interface MeshPeer {
  presharedKey?: boolean;
  /** The peer's, in seconds. */
  keepalive?: number;
  /** It has our endpoint from the beginning; directly only. */
  calls?: boolean;
  /** Its configuration has another public key in place of ours. */
  hasWrongKey?: boolean;
  outerIpv6?: boolean;
  /** Its interface's, where it differs from ours. */
  mtu?: number;
  /** What it lets us send from; default: our inner addresses. */
  allowedIps?: readonly string[];
  others?: readonly KnownPeer[];
  /** Echo and sink (inner-services.ts). */
  services?: boolean;
  /** A proxy before it, from which tests may impair and inject. */
  proxy?: ProxyProfile;
  seed?: number;
}

/** A peer and what our configuration says about it. */
export interface Neighbour {
  readonly real: RealPeer;
  readonly inner: InnerAddresses;
  readonly presharedKey: string | undefined;
  readonly proxy: DatagramProxy | undefined;
  readonly services: Child | undefined;
  /** Where our side sends to. */
  readonly endpoint: string;
}

/** What a configuration of ours says beyond the necessary. */
export interface ConfigWish {
  listenPort?: number;
  /** Ours, in seconds. */
  keepalive?: number;
  /** Peers are named without Endpoint: only they can begin. */
  withoutEndpoints?: boolean;
  /** Per peer; default: its inner addresses. */
  allowedIps?: readonly (readonly string[])[];
  privateKey?: string;
}

export class Mesh {
  readonly way: Way;
  readonly keys: KeyPair = generateKeys();
  readonly neighbours: Neighbour[] = [];
  /** A UDP port of ours that is free, for those who call. */
  ourPort = 0;
  us!: OurSide;
  relay: RelayProcess | undefined;
  readonly #mtu: number | undefined;
  readonly #undo: (() => Promise<void> | void)[] = [];

  private constructor(options: MeshOptions) {
    this.way = options.way;
    this.#mtu = options.mtu;
  }

  static async up(options: MeshOptions, browser: Browser): Promise<Mesh> {
    const mesh = new Mesh(options);
    try {
      mesh.ourPort = await freeUdpPort();
      const peers = options.peers ?? [{}];
      const wanted = peers.map((peer, i) => mesh.#addPeer(peer, peers.length > 1 ? innerOf(i + 1) : INNER));
      const settled = await Promise.allSettled(wanted);
      for (const result of settled) {
        if (result.status === 'rejected') throw result.reason;
        mesh.neighbours.push(result.value);
      }
      if (options.way === 'directly') mesh.us = new NodeSide();
      else if (options.inNode) {
        await mesh.#startRelay(options, []);
        mesh.us = new NodeSide(mesh.relay!.url);
      } else await mesh.#startPage(options, browser);
      mesh.#undo.push(() => mesh.us.close());
    } catch (error) {
      await mesh.down();
      throw error;
    }
    return mesh;
  }

  /** The only peer, where there is one. */
  get peer(): RealPeer {
    return this.neighbours[0]!.real;
  }

  get proxy(): DatagramProxy {
    return this.neighbours[0]!.proxy!;
  }

  /** Our configuration, as a user would paste it. */
  config(wish: ConfigWish = {}): string {
    return [
      '[Interface]',
      `PrivateKey = ${wish.privateKey ?? this.keys.privateKey}`,
      `Address = ${INNER.our4}/24, ${INNER.our6}/64`,
      ...(this.#mtu ? [`MTU = ${this.#mtu}`] : []),
      ...(wish.listenPort === undefined ? [] : [`ListenPort = ${wish.listenPort}`]),
      ...this.neighbours.flatMap(({ real, inner, presharedKey, endpoint }, i) => [
        '[Peer]',
        `PublicKey = ${real.publicKey}`,
        ...(presharedKey ? [`PresharedKey = ${presharedKey}`] : []),
        ...(wish.withoutEndpoints ? [] : [`Endpoint = ${endpoint}`]),
        `AllowedIPs = ${(wish.allowedIps?.[i] ?? [`${inner.peer4}/32`, `${inner.peer6}/128`]).join(', ')}`,
        ...(wish.keepalive === undefined ? [] : [`PersistentKeepalive = ${wish.keepalive}`]),
      ]),
      '',
    ].join('\n');
  }

  /** Opens our tunnel and waits for the handshake with the first peer. */
  async connect(wish: ConfigWish = {}): Promise<void> {
    await this.us.open(this.config(wish));
    await this.us.ready(this.peer.publicKey);
  }

  /** Sends one datagram from the peer's namespace to us, which makes the peer call us if it can. */
  async poke(from: RealPeer = this.peer): Promise<void> {
    await from.exec('bash', '-c', `echo > /dev/udp/${INNER.our4}/9`);
  }

  async down(): Promise<void> {
    for (const undo of this.#undo.splice(0).reverse()) await undo();
  }

  async #addPeer(options: MeshPeer, inner: InnerAddresses): Promise<Neighbour> {
    const presharedKey = options.presharedKey ? generatePresharedKey() : undefined;
    const mtu = options.mtu ?? this.#mtu;
    const real = await RealPeer.up({
      publicKey: options.hasWrongKey ? generateKeys().publicKey : this.keys.publicKey,
      inner,
      ...(presharedKey && { presharedKey }),
      ...(mtu && { mtu }),
      ...(options.keepalive && { keepalive: options.keepalive }),
      ...(options.calls && { endpoint: `127.0.0.1:${this.ourPort}` }),
      ...(options.allowedIps && { allowedIps: options.allowedIps }),
      ...(options.others && { others: options.others }),
    });
    this.#undo.push(() => real.down());
    const proxy = options.proxy && (await DatagramProxy.start(real.port, options.proxy, options.seed));
    if (proxy) this.#undo.push(() => proxy.stop());
    const services = options.services ? await startServices(real.namespace) : undefined;
    const endpoint = proxy?.endpoint ?? (options.outerIpv6 ? real.endpoint6 : real.endpoint);
    return { real, inner, presharedKey, proxy, services, endpoint };
  }

  async #startPage(options: MeshOptions, browser: Browser): Promise<void> {
    const site = await PageServer.start(join(import.meta.dirname, '../../dist/harness'), () => [
      `ws://127.0.0.1:${this.relay!.port}`,
    ]);
    this.#undo.push(() => site.stop());
    await this.#startRelay(options, [site.origin]);
    const page = await browser.newPage();
    await page.goto(`${site.origin}/`);
    await page.waitForFunction(() => document.title === 'ready');
    this.us = new PageSide(page, this.relay!.url);
  }

  async #startRelay(
    { listen = false, limits, alsoAllow = [] }: MeshOptions,
    origins: readonly string[],
  ): Promise<void> {
    this.relay = await RelayProcess.start({
      allow: [
        ...this.neighbours.map(({ endpoint }) => endpoint),
        ...alsoAllow.map((port) => `127.0.0.1:${port}`),
      ].map((place) => ({ ...readDestination(place), listen })),
      origins,
      allowNoOrigin: origins.length === 0,
      ...(limits && { limits }),
    });
    this.#undo.push(() => this.relay!.stop());
  }
}
