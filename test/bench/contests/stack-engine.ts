import type { CryptoSuite } from '../../../src/core/crypto/suite.ts';
import { NetStack } from '../../../src/core/netstack/netstack.ts';
import { type EngineMemory, PacketBuffer, plainMemory } from '../../../src/core/packet-buffer.ts';
import { SeededRandom } from '../../support/random.ts';
import { CLIENT, type Engine, MTU, Pair, prefixOf, SERVER } from './engine.ts';

const SLOT = 2048;
const SLOTS = 1024;
/** Before a packet in its slot. */
const HEADROOM = 64;
/** So many wait at most, as in an uplink's queue. */
const FULL = 256;
const STACK_BYTES = 1 << 18;

/** A stack by itself. */
class StackEngine implements Engine {
  readonly stack: NetStack;
  packets = 0;
  readonly #inbox: Inbox;

  constructor(
    address: string,
    seed: number,
    memory: EngineMemory,
    crypto: CryptoSuite,
    inbox: Inbox,
    outbox: Inbox,
  ) {
    this.#inbox = inbox;
    const environment = { crypto, memory, fillRandom: new SeededRandom(seed).fill, wallClock: () => 0 };
    this.stack = new NetStack({ addresses: [prefixOf(`${address}/24`)], mtu: MTU }, environment, {
      sendPacket: (packet) => {
        this.packets++;
        outbox.add(packet);
      },
      hasRoute: () => true,
      get congested() {
        return outbox.isFull;
      },
    });
  }

  receive(now: number): void {
    this.#inbox.empty(this.stack, now);
  }

  poll(now: number): void {
    this.stack.poll(now);
  }
}

/** Copies of packets that wait for a stack. */
class Inbox {
  readonly #slots: PacketBuffer[] = [];
  #count = 0;

  constructor(memory: EngineMemory, start: number) {
    for (let i = 0; i < SLOTS; i++)
      this.#slots.push(new PacketBuffer(memory, { start: start + i * SLOT, end: start + (i + 1) * SLOT }));
  }

  get isFull(): boolean {
    return this.#count >= FULL;
  }

  add({ memory, start, end }: PacketBuffer): void {
    this.#slots[this.#count++]!.copyFrom(memory, start, end, HEADROOM);
  }

  empty(stack: NetStack, now: number): void {
    for (let i = 0; i < this.#count; i++) stack.receivePacket(this.#slots[i]!, now);
    this.#count = 0;
  }
}

/** Two stacks back to back. `crypto` is for their hashes. */
export function stackPair(crypto: CryptoSuite): Pair {
  const memory = plainMemory(2 * STACK_BYTES + 2 * SLOTS * SLOT, 16);
  const atClient = new Inbox(memory, 2 * STACK_BYTES);
  const atServer = new Inbox(memory, 2 * STACK_BYTES + SLOTS * SLOT);
  const part = (n: number): EngineMemory => ({
    ...memory,
    slots: { start: n * STACK_BYTES, end: (n + 1) * STACK_BYTES },
  });
  return new Pair(
    new StackEngine(CLIENT, 1, part(0), crypto, atClient, atServer),
    new StackEngine(SERVER, 2, part(1), crypto, atServer, atClient),
  );
}
