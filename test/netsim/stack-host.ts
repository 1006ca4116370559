import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { IpPrefix } from '../../src/core/address.ts';
import { NetStack } from '../../src/core/netstack/netstack.ts';
import { PacketBuffer } from '../../src/core/packet-buffer.ts';
import type { Instant } from '../../src/core/time.ts';
import { NodeClock } from '../../src/node/clock.ts';
import { NobleSuite } from '../reference/noble-suite.ts';
import { SeededRandom } from '../support/random.ts';

export interface StackHostOptions {
  /** Where the bench network listens (c/ends.h). */
  path: string;
  /** With the length of their prefix. */
  addresses: readonly string[];
  mtu: number;
  seed: number;
}

/** Above this the way out counts as full, in bytes. */
const CONGESTED = 1 << 18;
/** As many rounds as the driver makes (core/driver.ts). */
const MAX_ROUNDS = 8;
const BATCH_BYTES = 1 << 20;
/** What the tunnel needs before a packet. */
const HEADROOM = 16;

/**
 * Our IP stack by itself, in real time, at an end of the bench network: what core/driver.ts is to the tunnel, without
 * WireGuard. All that one read brings is one batch with one `now`; what leaves because of it is one write.
 */
export class StackHost {
  readonly stack: NetStack;
  /** Moves bytes between connections and whoever uses them, after each poll. */
  afterPoll: () => void = () => {};
  readonly #clock = new NodeClock();
  readonly #socket: Socket;
  readonly #packet: PacketBuffer;
  readonly #batch = Buffer.allocUnsafe(BATCH_BYTES);
  #batchLength = 0;
  /** The beginning of a frame whose rest has not come. */
  #rest: Buffer = Buffer.alloc(0);
  #settling = false;

  private constructor(socket: Socket, options: StackHostOptions) {
    this.#socket = socket;
    const crypto = new NobleSuite();
    const { fill } = new SeededRandom(options.seed);
    const environment = { crypto, memory: crypto.memory, fillRandom: fill, wallClock: () => Date.now() };
    this.#packet = new PacketBuffer(crypto.memory, crypto.memory.ingress);
    const addresses = options.addresses.map((text) => IpPrefix.parse(text)!);
    this.stack = new NetStack({ addresses, mtu: options.mtu }, environment, {
      sendPacket: (packet) => this.#send(packet),
      hasRoute: () => true,
      get congested() {
        return socket.writableLength > CONGESTED;
      },
    });
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('drain', this.settle);
  }

  static async connect(options: StackHostOptions): Promise<StackHost> {
    const socket = connect({ path: options.path });
    await once(socket, 'connect');
    return new StackHost(socket, options);
  }

  now(): Instant {
    return this.#clock.now();
  }

  /** Does what is due, lets the application hand over, sends the batch, arms the timer. Follows every call of a socket. */
  readonly settle = (): void => {
    if (this.#settling) return;
    this.#settling = true;
    const now = this.now();
    for (let round = 0; round < MAX_ROUNDS; round++) {
      this.stack.poll(now);
      this.afterPoll();
      if (this.stack.pollAt() > now) break;
    }
    this.#flush();
    this.#settling = false;
    this.#clock.wakeAt(this.stack.pollAt(), this.settle);
  };

  close(): void {
    this.#socket.destroy();
    this.#clock.wakeAt(Number.POSITIVE_INFINITY, this.settle);
  }

  #receive(chunk: Buffer): void {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    const now = this.now();
    let at = 0;
    while (bytes.length - at >= 2) {
      const end = at + 2 + bytes.readUInt16BE(at);
      if (end > bytes.length) break;
      this.#packet.copyFrom(bytes, at + 2, end, HEADROOM);
      this.stack.receivePacket(this.#packet, now);
      at = end;
    }
    this.#rest = bytes.subarray(at);
    this.settle();
  }

  #send(packet: PacketBuffer): void {
    const { length } = packet;
    if (this.#batchLength + 2 + length > BATCH_BYTES) this.#flush();
    this.#batch.writeUInt16BE(length, this.#batchLength);
    this.#batch.set(packet.memory.subarray(packet.start, packet.end), this.#batchLength + 2);
    this.#batchLength += 2 + length;
  }

  #flush(): void {
    if (this.#batchLength === 0) return;
    this.#socket.write(Buffer.from(this.#batch.subarray(0, this.#batchLength)));
    this.#batchLength = 0;
  }
}
