import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { Endpoint } from '../../src/core/endpoint.ts';
import { PacketBuffer, plainMemory } from '../../src/core/packet-buffer.ts';
import type { DatagramReceiver } from '../../src/core/transport.ts';
import { INITIATION, INITIATION_SIZE, RESPONSE, TRANSPORT } from '../../src/core/wire/wireguard.ts';
import { NodeClock } from '../../src/node/clock.ts';
import { RelayTransport, type WebSocketLike } from '../../src/transport/relay-transport.ts';
import { until } from '../support/child-process.ts';

const INDEX = 0x00c0_0001;
/** The peer's (test/bench/c/peer.c), which sends back what has 2 in byte 16. */
const PEER_INDEX = 0x00e0_0001;
const [WISH, ECHO, NUMBER, SIZE] = [16, 2, 20, 100];
const EVERY = 1000;
/** What is on its way arrives within this. */
const LATE = 3000;

/** Clients of a relay as pages have them, each with a numbered datagram a second that has to come back. */
export class DatagramCrowd {
  readonly #talkers: Talker[];
  readonly #timers: NodeJS.Timeout[] = [];

  private constructor(talkers: Talker[]) {
    this.#talkers = talkers;
  }

  static async open(url: string, port: number, count: number): Promise<DatagramCrowd> {
    const talkers = Array.from({ length: count }, () => new Talker(url, port));
    await until('every response', () => talkers.every(({ isThrough }) => isThrough), 30_000);
    return new DatagramCrowd(talkers);
  }

  /** Each at a time of its own. */
  talk(): void {
    for (const [n, talker] of this.#talkers.entries()) {
      const begin = (EVERY * n) / this.#talkers.length;
      const timer = setTimeout(() => {
        talker.send();
        this.#timers.push(setInterval(() => talker.send(), EVERY));
      }, begin);
      this.#timers.push(timer);
    }
  }

  /** Resolves when all have heard something since `moment`; rejects if that takes longer, in ms. */
  async back(moment: number, most: number): Promise<void> {
    const missing = () => this.#talkers.filter(({ lastHeard }) => lastHeard <= moment).length;
    while (missing() > 0) {
      if (performance.now() - moment > most)
        throw new Error(`${missing()} of ${this.#talkers.length} others were not back within ${most} ms`);
      await delay(50);
    }
  }

  /** No more of it. How many were sent, and how many did not come back. */
  async stop(): Promise<{ sent: number; lost: number }> {
    for (const timer of this.#timers) clearInterval(timer);
    await delay(LATE);
    const sum = (what: 'sent' | 'missing') => this.#talkers.reduce((all, each) => all + each[what], 0);
    return { sent: sum('sent'), lost: sum('missing') };
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
    for (const talker of this.#talkers) talker.close();
  }
}

class Talker implements DatagramReceiver {
  isThrough = false;
  sent = 0;
  /** On `performance.now()`, when something that this one sent came back. */
  lastHeard = Number.NEGATIVE_INFINITY;
  readonly #transport: RelayTransport;
  readonly #endpoint: Endpoint;
  readonly #packet: PacketBuffer;
  readonly #awaited = new Set<number>();

  constructor(url: string, port: number) {
    const memory = plainMemory(1 << 16, 1 << 17);
    this.#packet = new PacketBuffer(memory, memory.slots);
    this.#transport = new RelayTransport({
      urls: [url],
      memory,
      clock: new NodeClock(),
      host: {
        connect: (address, protocols) =>
          new WebSocket(address, protocols, { perMessageDeflate: false }) as unknown as WebSocketLike,
      },
    });
    this.#transport.receiver = this;
    this.#endpoint = this.#transport.endpointFor('127.0.0.1', port);
    this.#call();
  }

  get missing(): number {
    return this.#awaited.size;
  }

  send(): void {
    const at = this.#begin(TRANSPORT, SIZE, PEER_INDEX);
    this.#packet.view.setUint8(at + WISH, ECHO);
    this.#packet.view.setUint32(at + NUMBER, this.sent, true);
    this.#awaited.add(this.sent++);
    this.#leave();
  }

  close(): void {
    this.#transport.close();
  }

  #call(): void {
    this.#begin(INITIATION, INITIATION_SIZE, INDEX);
    this.#leave();
  }

  #begin(type: number, size: number, index: number): number {
    this.#packet.reset(0);
    const at = this.#packet.append(size);
    this.#packet.view.setUint32(at, type, true);
    this.#packet.view.setUint32(at + 4, index, true);
    return at;
  }

  #leave(): void {
    this.#transport.send(this.#packet, this.#endpoint);
    this.#transport.flush();
  }

  receiveDatagram({ memory, view, start, end }: PacketBuffer): void {
    if (memory[start] === RESPONSE) this.isThrough = true;
    if (memory[start] !== TRANSPORT || end - start !== SIZE) return;
    this.#awaited.delete(view.getUint32(start + NUMBER, true));
    this.lastHeard = performance.now();
  }

  endBatch(): void {}

  uncongested(): void {}

  transportState(): void {}

  reconnected(): void {}

  handshakeNeeded(): void {
    queueMicrotask(() => this.#call());
  }
}
