// A real peer and a tunnel of the Node entry point, with a forwarder for programs that know nothing of tunnels.
import { Tunnel } from '../../src/node/index.ts';
import { Forwarder } from './forwarder.ts';
import { generateKeys, type KeyPair } from './keys.ts';
import type { Way } from './our-side.ts';
import { INNER, RealPeer } from './real-peer.ts';
import { RelayProcess } from './relay-process.ts';

export interface ProgramLabOptions {
  way: Way;
  /** Of the tunnel, on both sides. */
  mtu: number;
  /** Prefixes behind the peer. */
  behind?: string;
}

/** WireGuard's header and tag around a packet of the MTU, and padding. */
const OUTER_ROOM = 48;

export class ProgramLab {
  readonly keys: KeyPair = generateKeys();
  peer!: RealPeer;
  relay: RelayProcess | undefined;
  tunnel!: Tunnel;
  forwarder!: Forwarder;
  readonly #undo: (() => Promise<void> | void)[] = [];

  static async up(options: ProgramLabOptions): Promise<ProgramLab> {
    const lab = new ProgramLab();
    try {
      await lab.#up(options);
    } catch (error) {
      await lab.down();
      throw error;
    }
    return lab;
  }

  /** A port of 127.0.0.1 that leads to this one of the peer, TCP and UDP. */
  toPeer(family: 4 | 6, port: number, options = {}): Promise<number> {
    return this.forwarder.outward(family === 4 ? INNER.peer4 : INNER.peer6, port, options);
  }

  async down(): Promise<void> {
    for (const undo of this.#undo.splice(0).reverse()) await undo();
  }

  /** Undone with the rest, in reverse order. */
  keep<T extends { stop(): Promise<void> | void }>(service: T): T {
    this.#undo.push(() => service.stop());
    return service;
  }

  async #up({ way, mtu, behind }: ProgramLabOptions): Promise<void> {
    this.peer = await RealPeer.up({ publicKey: this.keys.publicKey, mtu });
    this.#undo.push(() => this.peer.down());
    if (way === 'through the relay') {
      this.relay = await RelayProcess.start({
        allow: [this.peer.endpoint],
        origins: [],
        allowNoOrigin: true,
        limits: { maxDatagram: Math.max(2048, mtu + OUTER_ROOM) },
      });
      this.#undo.push(() => this.relay!.stop());
    }
    this.tunnel = await Tunnel.open(this.#config(mtu, behind), this.relay ? { relay: this.relay.url } : {});
    this.#undo.push(() => this.tunnel.close({ timeout: 0 }));
    this.forwarder = new Forwarder(this.tunnel);
    this.#undo.push(() => this.forwarder.close());
    await this.tunnel.ready;
  }

  #config(mtu: number, behind: string | undefined): string {
    return `[Interface]
PrivateKey = ${this.keys.privateKey}
Address = ${INNER.our4}/24, ${INNER.our6}/64
MTU = ${mtu}

[Peer]
PublicKey = ${this.peer.publicKey}
Endpoint = ${this.peer.endpoint}
AllowedIPs = ${INNER.peer4}/32, ${INNER.peer6}/128${behind ? `, ${behind}` : ''}
`;
  }
}
