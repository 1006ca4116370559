// Two whole stacks in one memory with a network between them that makes no object, and programs that make none either: so
// that what the heap grows by, while packets go to and fro, is the stacks' own.
import { IpAddress, IpPrefix } from '../../../../src/core/address.ts';
import { WasmSuite } from '../../../../src/core/crypto/wasm-suite.ts';
import { NetStack } from '../../../../src/core/netstack/netstack.ts';
import type { TcpConnection } from '../../../../src/core/netstack/tcp/connection.ts';
import { type EngineMemory, type PacketBuffer, plainMemory } from '../../../../src/core/packet-buffer.ts';
import { loadAssembly } from '../../../../src/node/assembly.ts';
import { hashEnvironment } from '../tcp/fake-ip.ts';
import { WIRE_BYTES, Wire, type WireModel } from './wire.ts';

const suite = new WasmSuite(await loadAssembly());

const MTU = 1420;
const PORT = 80;
/** Of each stack, for what it takes for itself. */
const STACK_BYTES = 1 << 18;
/** What is written and read at a time: whole pages need no view of a part. */
const PIECE = 4096;

/** Between two looks of both programs, in ms. No whole number: times have fractions. */
const TICK = 0.7;

export interface Traffic {
  readonly name: string;
  readonly version: 4 | 6;
  readonly wire: WireModel;
  /** Both write, not the client alone. */
  readonly isBothWays: boolean;
}

/** 10 MB/s, 4 ms there and back. */
const CLEAN: WireModel = { delay: 2, rate: 10_000, loss: 0, duplicate: 0, reorder: 0, reorderBy: 0 };

export const TRAFFIC: readonly Traffic[] = [
  { name: 'one way, IPv4', version: 4, wire: CLEAN, isBothWays: false },
  { name: 'both ways, IPv6', version: 6, wire: CLEAN, isBothWays: true },
  {
    name: 'both ways, IPv4, 1 % lost, 2 % held back for 3 ms, 0.5 % doubled',
    version: 4,
    wire: { ...CLEAN, loss: 10, reorder: 20, reorderBy: 3, duplicate: 5 },
    isBothWays: true,
  },
  {
    name: 'one way, IPv6, 5 % lost',
    version: 6,
    wire: { ...CLEAN, loss: 50 },
    isBothWays: false,
  },
];

/** A stack, its end of a connection, and the wire that leads away from it. */
interface Station {
  readonly stack: NetStack;
  readonly wire: Wire;
  readonly receive: (packet: PacketBuffer, now: number) => void;
  connection: TcpConnection | undefined;
}

/** A TCP connection between two stacks, whose programs write and read whatever they can. */
export class Conversation {
  readonly #traffic: Traffic;
  readonly #client: Station;
  readonly #server: Station;
  readonly #piece = new Uint8Array(PIECE);
  /** Not a field: a number with a fraction would be an object each time. */
  readonly #now = new Float64Array([1000]);
  /** This turn's instant and the next one's, as objects: one for each turn, where passing `#now` on made several. */
  readonly #instants: (number | undefined)[] = [undefined, 1000];
  /** How often both stacks have had their turn. */
  turns = 0;

  constructor(traffic: Traffic) {
    this.#traffic = traffic;
    const memory = plainMemory(2 * STACK_BYTES + 2 * WIRE_BYTES, 16);
    this.#client = this.#station(memory, 0);
    this.#server = this.#station(memory, 1);
    const listener = this.#server.stack.listenTcp({ port: PORT }, this.now);
    const address = IpAddress.parse(addressOf(traffic.version, 1))!;
    this.#client.connection = this.#client.stack.connectTcp({ address, port: PORT }, {}, this.now);
    while (!this.#server.connection) {
      this.#advance();
      this.#server.connection = listener.accept();
    }
  }

  get now(): number {
    return this.#now[0]!;
  }

  /** IP packets that left either stack. */
  get packets(): number {
    return this.#client.wire.packets + this.#server.wire.packets;
  }

  get lost(): number {
    return this.#client.wire.lost + this.#server.wire.lost;
  }

  /** What the client's end did about losses. */
  get retransmits(): number {
    return this.#client.connection!.info().retransmits;
  }

  /** Until so many packets more have left. */
  run(packets: number): void {
    const until = this.packets + packets;
    while (this.packets < until) {
      this.#use(this.#client);
      this.#use(this.#server);
      this.#advance();
    }
  }

  /** The program: reads by whole pages, and writes by whole pages. */
  #use(station: Station): void {
    const connection = station.connection!;
    while (connection.readableBytes >= PIECE) connection.readInto(this.#piece);
    if (!this.#traffic.isBothWays && station === this.#server) return;
    while (connection.writableBytes >= PIECE) connection.write(this.#piece);
  }

  /** One tick: what has come in it comes as one batch, as from a WebSocket. */
  #advance(): void {
    const now = this.#instants[++this.turns & 1]!;
    this.#now[0] = now;
    this.#instants[(this.turns + 1) & 1] = now + TICK;
    this.#client.wire.deliver(this.#server.receive, now);
    this.#server.wire.deliver(this.#client.receive, now);
    this.#client.stack.poll(now);
    this.#server.stack.poll(now);
  }

  #station(memory: EngineMemory, index: number): Station {
    const slots = { start: index * STACK_BYTES, end: (index + 1) * STACK_BYTES };
    const { version, wire: model } = this.#traffic;
    const wire = new Wire(memory, 2 * STACK_BYTES + index * WIRE_BYTES, { ...model }, this.#now);
    const addresses = [IpPrefix.parse(`${addressOf(version, index)}/${version === 4 ? 24 : 64}`)!];
    const environment = { ...hashEnvironment(index + 1, { ...memory, slots }), crypto: suite };
    const stack = new NetStack({ addresses, mtu: MTU }, environment, {
      sendPacket: (packet) => wire.take(packet),
      hasRoute: () => true,
      congested: false,
    });
    return { stack, wire, receive: (packet, now) => stack.receivePacket(packet, now), connection: undefined };
  }
}

function addressOf(version: 4 | 6, index: number): string {
  return version === 4 ? `10.0.0.${index + 1}` : `fd00::${index + 1}`;
}
