// Everything around the page in one interop test: a real peer, services behind it, the real relay, and the built page.
import { join } from 'node:path';
import type { Child } from './child-process.ts';
import { DatagramProxy } from './datagram-proxy.ts';
import { runClient, startServices } from './inner-programs.ts';
import { generateKeys, generatePresharedKey, type KeyPair } from './keys.ts';
import { LateProxy } from './late-proxy.ts';
import { Nginx } from './nginx.ts';
import { PageServer } from './page-server.ts';
import { INNER, RealPeer } from './real-peer.ts';
import { RelayProcess } from './relay-process.ts';

export interface LabOptions {
  presharedKey?: boolean;
  /** Reach the peer's outer socket over ::1. */
  outerIpv6?: boolean;
  /** Random files for nginx, by size in bytes. */
  files?: readonly number[];
  /** Echo and sink (inner-services.ts). */
  services?: boolean;
  /** Of the tunnel, on both sides. */
  mtu?: number;
  /** Which built page: the harness, one with packages for Node by either bundler, the console that users get, or the soak's own. */
  site?: 'harness' | 'node-page' | 'node-page-esbuild' | 'console' | 'soak';
  /** A proxy between relay and peer, from which tests may inject. */
  proxy?: boolean;
  /** Milliseconds from the page to the relay and back, which are on one machine otherwise. */
  roundTrip?: number;
}

export class Lab {
  readonly keys: KeyPair = generateKeys();
  peer!: RealPeer;
  relay!: RelayProcess;
  site!: PageServer;
  proxy: DatagramProxy | undefined;
  nginx: Nginx | undefined;
  services: Child | undefined;
  #presharedKey: string | undefined;
  #late: LateProxy | undefined;
  #endpoint = '';
  #mtu: number | undefined;
  readonly #undo: (() => Promise<void> | void)[] = [];

  static async up(options: LabOptions): Promise<Lab> {
    const lab = new Lab();
    try {
      await lab.#up(options);
    } catch (error) {
      await lab.down();
      throw error;
    }
    return lab;
  }

  async #up(options: LabOptions): Promise<void> {
    this.#presharedKey = options.presharedKey ? generatePresharedKey() : undefined;
    this.peer = await RealPeer.up({
      publicKey: this.keys.publicKey,
      ...(this.#presharedKey ? { presharedKey: this.#presharedKey } : {}),
      ...(options.mtu ? { mtu: options.mtu } : {}),
    });
    this.#undo.push(() => this.peer.down());
    this.#mtu = options.mtu;
    this.#endpoint = options.outerIpv6 ? this.peer.endpoint6 : this.peer.endpoint;
    if (options.proxy) {
      this.proxy = await DatagramProxy.start(this.peer.port);
      this.#undo.push(() => this.proxy?.stop());
      this.#endpoint = this.proxy.endpoint;
    }
    if (options.files) {
      this.nginx = await Nginx.start(this.peer.namespace, options.files);
      this.#undo.push(() => this.nginx?.stop());
    }
    if (options.services) {
      this.services = await startServices(this.peer.namespace);
    }
    this.site = await PageServer.start(
      join(import.meta.dirname, '../../dist', options.site ?? 'harness'),
      () => [new URL(this.relayUrl).origin],
    );
    this.#undo.push(() => this.site.stop());
    this.relay = await RelayProcess.start({ allow: [this.#endpoint], origins: [this.site.origin] });
    this.#undo.push(() => this.relay.stop());
    if (options.roundTrip) {
      this.#late = await LateProxy.start(this.relay.port, options.roundTrip);
      this.#undo.push(() => this.#late?.stop());
    }
  }

  /** Where the page finds the relay. */
  get relayUrl(): string {
    return this.#late ? `ws://127.0.0.1:${this.#late.port}/v1` : this.relay.url;
  }

  /** Our configuration, as a user would paste it. */
  get config(): string {
    return `[Interface]
PrivateKey = ${this.keys.privateKey}
Address = ${INNER.our4}/24, ${INNER.our6}/64
${this.#mtu ? `MTU = ${this.#mtu}\n` : ''}
[Peer]
PublicKey = ${this.peer.publicKey}
${this.#presharedKey ? `PresharedKey = ${this.#presharedKey}\n` : ''}Endpoint = ${this.#endpoint}
AllowedIPs = ${INNER.peer4}/32, ${INNER.peer6}/128
`;
  }

  /** Runs inner-client.ts beside the peer; gives back what it prints. */
  async connectFromPeer(host: string, port: number, bytes: number): Promise<string> {
    return runClient(this.peer.namespace, host, port, bytes);
  }

  async down(): Promise<void> {
    for (const undo of this.#undo.splice(0).reverse()) await undo();
  }
}
