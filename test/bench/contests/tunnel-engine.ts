import { RawIdentity } from '../../../src/core/crypto/identity.ts';
import type { Curve } from '../../../src/core/crypto/suite.ts';
import { type AssemblyExports, WasmSuite } from '../../../src/core/crypto/wasm-suite.ts';
import type { Endpoint } from '../../../src/core/endpoint.ts';
import type { NetStack } from '../../../src/core/netstack/netstack.ts';
import { PacketBuffer } from '../../../src/core/packet-buffer.ts';
import { TunnelCore } from '../../../src/core/tunnel.ts';
import { MAX_MESSAGE, RecordReader, RecordWriter } from '../../../src/core/wire/relay.ts';
import { SeededRandom } from '../../support/random.ts';
import { CLIENT, type Engine, MTU, Pair, prefixOf, SERVER } from './engine.ts';

const CHANNEL = 1;
const MESSAGES = 16;
/** So many messages wait at most, as in an uplink's queue. */
const FULL = 4;

/** WebSocket messages on their way, in memory that was taken once. */
class Way {
  readonly #messages = Array.from({ length: MESSAGES }, () => new Uint8Array(MAX_MESSAGE));
  readonly #lengths = new Uint32Array(MESSAGES);
  count = 0;

  get isFull(): boolean {
    return this.count >= FULL;
  }

  add(bytes: Uint8Array, start: number, end: number): void {
    if (this.count === MESSAGES) throw new Error('more messages than an uplink takes');
    this.#messages[this.count]!.set(bytes.subarray(start, end));
    this.#lengths[this.count++] = end - start;
  }

  /** Copies the n-th to where its receiver wants it; returns where it ends. */
  copyTo(target: Uint8Array, at: number, n: number): number {
    const length = this.#lengths[n]!;
    target.set(this.#messages[n]!.subarray(0, length), at);
    return at + length;
  }
}

/** A whole engine but for its WebSocket: what leaves it is collected into messages, what comes is taken out of them. */
class TunnelEngine implements Engine {
  packets = 0;
  readonly core: TunnelCore;
  readonly publicKey: Uint8Array;
  readonly #suite: WasmSuite;
  readonly #endpoint: Endpoint = { host: '192.0.2.1', port: 51820 };
  readonly #reader = new RecordReader();
  readonly #writer: RecordWriter;
  readonly #datagram: PacketBuffer;
  readonly #inbox: Way;
  readonly #outbox: Way;

  constructor(address: string, seed: number, suite: WasmSuite, inbox: Way, outbox: Way) {
    const { memory } = suite;
    const random = new SeededRandom(seed);
    const identity = new RawIdentity(random.bytes(32), suite);
    this.#suite = suite;
    this.#inbox = inbox;
    this.#outbox = outbox;
    this.publicKey = identity.publicKey;
    this.#writer = new RecordWriter(memory.bytes, memory.egress.start, memory.egress.end);
    this.#datagram = new PacketBuffer(memory, memory.ingress);
    const environment = { crypto: suite, memory, fillRandom: random.fill, wallClock: () => Date.now() };
    this.core = new TunnelCore({ identity, addresses: [prefixOf(`${address}/24`)], mtu: MTU }, environment, {
      sendDatagram: (datagram) => this.#send(datagram),
      notify: () => {},
      get congested() {
        return outbox.isFull;
      },
    });
  }

  get stack(): NetStack {
    return this.core.stack;
  }

  /** Who calls knows where the other is. If both called at once, both would have to try again. */
  introduce({ publicKey }: TunnelEngine, address: string, isCalled: boolean, now: number): void {
    const endpoint = isCalled ? { endpoint: this.#endpoint } : {};
    const allowedIps = [prefixOf(`${address}/32`)];
    this.core.device.addPeer({ publicKey, ...endpoint, allowedIps, persistentKeepalive: 0 }, now);
  }

  receive(now: number): void {
    const inbox = this.#inbox;
    const { bytes, ingress } = this.#suite.memory;
    for (let n = 0; n < inbox.count; n++) {
      this.core.catchUp(now);
      this.#reader.begin(bytes, ingress.start, inbox.copyTo(bytes, ingress.start, n));
      while (this.#reader.next()) {
        this.#datagram.place(this.#reader.start, this.#reader.end);
        this.core.receiveDatagram(this.#datagram, this.#endpoint, now);
      }
    }
    inbox.count = 0;
  }

  poll(now: number): void {
    this.core.poll(now);
    this.#flush();
  }

  #send({ memory, start, end }: PacketBuffer): void {
    this.packets++;
    if (!this.#writer.fits(end - start)) this.#flush();
    this.#writer.append(CHANNEL, memory, start, end);
  }

  #flush(): void {
    if (this.#writer.length === 0) return;
    const { bytes, start, end } = this.#writer;
    this.#outbox.add(bytes, start, end);
    this.#writer.reset();
  }
}

/** Two engines, each with a WASM module of its own, that have a session. */
export async function tunnelPair(load: () => Promise<AssemblyExports>, curve?: Curve): Promise<Pair> {
  const [atClient, atServer] = [new Way(), new Way()];
  const suiteOf = async (): Promise<WasmSuite> => new WasmSuite(await load(), curve ? { curve } : {});
  const client = new TunnelEngine(CLIENT, 1, await suiteOf(), atClient, atServer);
  const server = new TunnelEngine(SERVER, 2, await suiteOf(), atServer, atClient);
  const pair = new Pair(client, server);
  client.introduce(server, SERVER, true, pair.now);
  server.introduce(client, CLIENT, false, pair.now);
  server.core.device.up(pair.now);
  client.core.device.up(pair.now);
  for (let n = 0; n < 10; n++) pair.exchange();
  return pair;
}
