import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Millis } from '../../src/core/time.ts';
import { SeededRandom } from './random.ts';
import { type Impairments, VirtualLink } from './virtual-link.ts';

/** What the proxy does to both directions. */
export interface ProxyProfile extends Impairments {
  /** Nothing passes in the first `length` of every `every`. */
  blackout?: { length: Millis; every: Millis };
  /** So often the peer sees us come from another port. */
  rebindEvery?: Millis;
}

const KEPT_HANDSHAKES = 1000;
const TICK: Millis = 2;
const DATA = 4;

/** Stands between our side and a WireGuard peer: what it sends comes from the address that we take for the peer's. */
export class DatagramProxy {
  /** Where our side sends to. */
  readonly endpoint: string;
  /** The last datagram of the peer that went by. */
  lastFromPeer: Buffer | undefined;
  /** Handshake and cookie messages that came to the proxy, oldest first. */
  readonly handshakes: { from: 'us' | 'peer'; at: number; message: Buffer }[] = [];
  readonly up: VirtualLink;
  readonly down: VirtualLink;
  readonly #front: Socket;
  readonly #peerPort: number;
  #back: Socket;
  #ours: { port: number; address: string } | undefined;
  #profile: ProxyProfile = {};
  #since = 0;
  #isStopped = false;
  #timers: NodeJS.Timeout[] = [];

  private constructor(front: Socket, back: Socket, peerPort: number, seed: number) {
    this.#front = front;
    this.#back = back;
    this.#peerPort = peerPort;
    this.endpoint = `127.0.0.1:${front.address().port}`;
    this.up = new VirtualLink(new SeededRandom(seed));
    this.down = new VirtualLink(new SeededRandom(seed + 1));
    front.on('message', (datagram, from) => {
      this.#ours = from;
      this.#note('us', datagram);
      this.#pass(this.up, datagram, (bytes) => this.#back.send(bytes));
    });
    this.#listenTo(back);
    // A peer that went away answers with ICMP, which is no reason to end.
    front.on('error', () => {});
  }

  /** Forwards to 127.0.0.1:`port`. The same seed impairs in the same way. */
  static async start(port: number, profile: ProxyProfile = {}, seed = 1): Promise<DatagramProxy> {
    const front = createSocket('udp4');
    front.bind(0, '127.0.0.1');
    await once(front, 'listening');
    const proxy = new DatagramProxy(front, await connected(port), port, seed);
    proxy.impair(profile);
    return proxy;
  }

  /** From now on. What is under way arrives as it was to. */
  impair(profile: ProxyProfile): void {
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
    this.#profile = profile;
    this.#since = performance.now();
    for (const link of [this.up, this.down]) link.impairments = profile;
    const { rebindEvery } = profile;
    this.#timers.push(setInterval(() => this.#deliverDue(), TICK));
    if (rebindEvery) this.#timers.push(setInterval(() => void this.#rebind(), rebindEvery));
  }

  /** Where the peer sees us: what it would set as our endpoint. */
  get source(): string {
    return `127.0.0.1:${this.#back.address().port}`;
  }

  /** Sends datagrams to our side as if the peer had; a short pause between keeps socket buffers from dropping any. */
  async inject(datagrams: Iterable<Uint8Array>): Promise<void> {
    for (const datagram of datagrams) {
      this.#toUs(datagram);
      await delay(1);
    }
  }

  stop(): void {
    this.#isStopped = true;
    for (const timer of this.#timers) clearInterval(timer);
    this.#front.close();
    this.#back.close();
  }

  #listenTo(back: Socket): void {
    back.on('error', () => {});
    back.on('message', (datagram) => {
      this.lastFromPeer = Buffer.from(datagram);
      this.#note('peer', datagram);
      this.#pass(this.down, datagram, (bytes) => this.#toUs(bytes));
    });
  }

  #pass(link: VirtualLink, datagram: Buffer, deliver: (bytes: Uint8Array) => void): void {
    const now = performance.now();
    const { blackout } = this.#profile;
    link.isCut = blackout !== undefined && (now - this.#since) % blackout.every < blackout.length;
    link.send(datagram, deliver, now);
    link.poll(now);
  }

  #deliverDue(): void {
    const now = performance.now();
    this.up.poll(now);
    this.down.poll(now);
  }

  async #rebind(): Promise<void> {
    const [old, fresh] = [this.#back, await connected(this.#peerPort)];
    if (this.#isStopped) {
      fresh.close();
      return;
    }
    this.#back = fresh;
    this.#listenTo(fresh);
    old.close();
  }

  #note(from: 'us' | 'peer', message: Buffer): void {
    if (message[0] === DATA || this.handshakes.length >= KEPT_HANDSHAKES) return;
    this.handshakes.push({ from, at: performance.now(), message: Buffer.from(message) });
  }

  #toUs(datagram: Uint8Array): void {
    if (this.#ours) this.#front.send(datagram, this.#ours.port, this.#ours.address);
  }
}

async function connected(port: number): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  socket.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}
