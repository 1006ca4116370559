import { RawIdentity } from '../../../src/core/crypto/identity.ts';
import type { Curve } from '../../../src/core/crypto/suite.ts';
import { type AssemblyExports, WasmSuite } from '../../../src/core/crypto/wasm-suite.ts';
import type { Endpoint } from '../../../src/core/endpoint.ts';
import type { NetStack } from '../../../src/core/netstack/netstack.ts';
import { PacketBuffer } from '../../../src/core/packet-buffer.ts';
import { TunnelCore } from '../../../src/core/tunnel.ts';
import { MAX_MESSAGE, RecordReader, RecordWriter } from '../../../src/core/wire/relay.ts';
import { SeededRandom } from '../../support/random.ts';
import { CLIENT, type Engine, MTU, Pair, prefixOf, SERVER, START } from './engine.ts';

const CHANNEL = 1;
const MESSAGES = 16;
/** So many messages wait at most, as in an uplink's queue. */
const FULL = 4;

/** Parts of some bytes, each of which is made once: what is measured is not what we make. */
class Parts {
  readonly #bytes: Uint8Array;
  readonly #views = new Map<number, Uint8Array>();

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  of(start: number, end: number): Uint8Array {
    const key = start * this.#bytes.length + end;
    let view = this.#views.get(key);
    if (!view) this.#views.set(key, (view = this.#bytes.subarray(start, end)));
    return view;
  }
}

/** WebSocket messages on their way, in memory that was taken once. */
class Way {
  readonly #messages = Array.from({ length: MESSAGES }, () => new Uint8Array(MAX_MESSAGE));
  readonly #parts = this.#messages.map((message) => new Parts(message));
  readonly #lengths = new Uint32Array(MESSAGES);
  count = 0;

  get isFull(): boolean {
    return this.count >= FULL;
  }

  add(message: Uint8Array): void {
    if (this.count === MESSAGES) throw new Error('more messages than an uplink takes');
    this.#messages[this.count]!.set(message);
    this.#lengths[this.count++] = message.length;
  }

  /** Copies the n-th to where its receiver wants it; returns where it ends. */
  copyTo(target: Uint8Array, at: number, n: number): number {
    const length = this.#lengths[n]!;
    target.set(this.#parts[n]!.of(0, length), at);
    return at + length;
  }
}

/** The two ways to and from one peer. */
interface Ways {
  readonly host: string;
  readonly inbox: Way;
  readonly outbox: Way;
}

/** They, and the message that is being put together for it. */
class Link implements Endpoint, Ways {
  readonly host: string;
  readonly port = 51820;
  readonly inbox: Way;
  readonly outbox: Way;
  readonly writer: RecordWriter;
  readonly #message: Parts;

  constructor(host: string, inbox: Way, outbox: Way, writer: RecordWriter) {
    this.host = host;
    this.inbox = inbox;
    this.outbox = outbox;
    this.writer = writer;
    this.#message = new Parts(writer.bytes);
  }

  flush(): void {
    if (this.writer.length === 0) return;
    this.outbox.add(this.#message.of(this.writer.start, this.writer.end));
    this.writer.reset();
  }
}

/** A whole engine but for its WebSocket: what leaves it is collected into messages, what comes is taken out of them. */
export class TunnelEngine implements Engine {
  packets = 0;
  readonly core: TunnelCore;
  readonly publicKey: Uint8Array;
  readonly #suite: WasmSuite;
  readonly #links: Link[] = [];
  readonly #reader = new RecordReader();
  readonly #datagram: PacketBuffer;

  constructor(address: string, seed: number, suite: WasmSuite) {
    const { memory } = suite;
    const random = new SeededRandom(seed);
    const identity = new RawIdentity(random.bytes(32), suite);
    const links = this.#links;
    this.#suite = suite;
    this.publicKey = identity.publicKey;
    this.#datagram = new PacketBuffer(memory, memory.ingress);
    const environment = { crypto: suite, memory, fillRandom: random.fill, wallClock: () => Date.now() };
    this.core = new TunnelCore({ identity, addresses: [prefixOf(`${address}/16`)], mtu: MTU }, environment, {
      sendDatagram: (datagram, endpoint) => this.#send(datagram, endpoint as Link),
      notify: () => {},
      get congested() {
        for (const { outbox } of links) if (outbox.isFull) return true;
        return false;
      },
    });
  }

  get stack(): NetStack {
    return this.core.stack;
  }

  /** Who calls knows where the other is. If both called at once, both would have to try again. */
  introduce({ publicKey }: TunnelEngine, address: string, ways: Ways, isCalled: boolean, now: number): void {
    const link = new Link(ways.host, ways.inbox, ways.outbox, this.#nextWriter());
    this.#links.push(link);
    const endpoint = isCalled ? { endpoint: link } : {};
    const allowedIps = [prefixOf(`${address}/32`)];
    this.core.device.addPeer({ publicKey, ...endpoint, allowedIps, persistentKeepalive: 0 }, now);
  }

  /** As an uplink's, in the memory in which packets are sealed; what other peers get is put together elsewhere. */
  #nextWriter(): RecordWriter {
    const { bytes, egress } = this.#suite.memory;
    if (this.#links.length > 0) return new RecordWriter(new Uint8Array(MAX_MESSAGE));
    return new RecordWriter(bytes, egress.start, egress.end);
  }

  receive(now: number): void {
    for (const link of this.#links) this.#receiveFrom(link, now);
  }

  #receiveFrom(link: Link, now: number): void {
    const { inbox } = link;
    const { bytes, ingress } = this.#suite.memory;
    for (let n = 0; n < inbox.count; n++) {
      this.core.catchUp(now);
      this.#reader.begin(bytes, ingress.start, inbox.copyTo(bytes, ingress.start, n));
      while (this.#reader.next()) {
        this.#datagram.place(this.#reader.start, this.#reader.end);
        this.core.receiveDatagram(this.#datagram, link, now);
      }
    }
    inbox.count = 0;
  }

  poll(now: number): void {
    this.core.poll(now);
    for (const link of this.#links) link.flush();
  }

  #send({ memory, start, end }: PacketBuffer, link: Link): void {
    this.packets++;
    if (!link.writer.fits(end - start)) link.flush();
    link.writer.append(CHANNEL, memory, start, end);
  }
}

/** One engine and its peers, which know only it. */
export interface Hub {
  readonly client: TunnelEngine;
  readonly servers: readonly TunnelEngine[];
  /** Of the n-th server, inside. */
  readonly addresses: readonly string[];
}

/** Two engines, each with a WASM module of its own, that have a session. */
export async function tunnelPair(load: () => Promise<AssemblyExports>, curve?: Curve): Promise<Pair> {
  const { client, servers } = await tunnelHub(load, 1, curve);
  return new Pair(client, servers[0]!);
}

/** One engine that has a session with each of several, each with a WASM module of its own. */
export async function tunnelHub(
  load: () => Promise<AssemblyExports>,
  peers: number,
  curve?: Curve,
): Promise<Hub> {
  const suiteOf = async (): Promise<WasmSuite> => new WasmSuite(await load(), curve ? { curve } : {});
  const now = START;
  const client = new TunnelEngine(CLIENT, 1, await suiteOf());
  const servers: TunnelEngine[] = [];
  const addresses: string[] = [];
  for (let n = 0; n < peers; n++) {
    const address = n === 0 ? SERVER : `10.0.${n}.2`;
    const server = new TunnelEngine(address, 2 + n, await suiteOf());
    const [atClient, atServer] = [new Way(), new Way()];
    const toServer = { host: `192.0.2.${n + 1}`, inbox: atClient, outbox: atServer };
    client.introduce(server, address, toServer, true, now);
    server.introduce(client, CLIENT, { host: '192.0.2.100', inbox: atServer, outbox: atClient }, false, now);
    server.core.device.up(now);
    servers.push(server);
    addresses.push(address);
  }
  client.core.device.up(now);
  for (let turn = 0; turn < 5; turn++)
    for (const engine of [client, ...servers]) {
      engine.receive(now + turn);
      engine.poll(now + turn);
    }
  return { client, servers, addresses };
}
