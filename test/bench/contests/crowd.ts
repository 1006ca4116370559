// Many connections at a time over one tunnel.
import type { TcpConnection } from '../../../src/core/netstack/tcp/connection.ts';
import type { Contender } from '../race.ts';
import { addressOf, type Pair, SERVER } from './engine.ts';

const PORT = 80;
const CHUNK = 1 << 16;
/** Of each, for the answer. */
const ANSWER_BYTES = 1 << 14;
const PATIENCE = 1_000_000;

/** Each connection sends without end. One time is CHUNK bytes of all of them together. */
export class Crowd implements Contender {
  static readonly CHUNK = CHUNK;
  readonly #pair: Pair;
  readonly #senders: TcpConnection[] = [];
  readonly #receivers: TcpConnection[] = [];
  /** Repeats itself each 256 bytes, so that a part is known by its place in the stream. */
  readonly #source = new Uint8Array(CHUNK).map((_, i) => i);
  readonly #target = new Uint8Array(CHUNK);
  /** Bytes that each has received. */
  readonly received: Float64Array;
  readonly #sent: Float64Array;

  constructor(pair: Pair, connections: number) {
    this.#pair = pair;
    this.received = new Float64Array(connections);
    this.#sent = new Float64Array(connections);
    this.#connect(connections);
  }

  /** One byte for each connection: 1 if all of its stream is what was sent. */
  answer(): Uint8Array {
    const good = new Uint8Array(this.#receivers.length).fill(1);
    while (this.received.some((bytes) => bytes < ANSWER_BYTES)) {
      this.#turn((n, part) => {
        const first = this.received[n]!;
        for (let i = 0; i < part.length; i++) if (part[i] !== (first + i) % 256) good[n] = 0;
      });
    }
    return good;
  }

  static expected(connections: number): Uint8Array {
    return new Uint8Array(connections).fill(1);
  }

  run(times: number): void {
    const until = this.#total() + times * CHUNK;
    for (let turn = 0; this.#total() < until; turn++) {
      if (turn > PATIENCE) throw new Error('nothing arrives any more');
      this.#turn();
    }
  }

  #total(): number {
    let total = 0;
    for (const bytes of this.received) total += bytes;
    return total;
  }

  #turn(check?: (n: number, part: Uint8Array) => void): void {
    this.#pair.advance();
    const { client, server, now } = this.#pair;
    client.receive(now);
    for (let n = 0; n < this.#senders.length; n++) this.#write(n);
    client.poll(now);
    server.receive(now);
    for (let n = 0; n < this.#receivers.length; n++) this.#read(n, check);
    server.poll(now);
  }

  #write(n: number): void {
    const sender = this.#senders[n]!;
    while (sender.writableBytes > 0) {
      const at = this.#sent[n]! % CHUNK;
      const part = at === 0 ? this.#source : this.#source.subarray(at);
      const written = sender.write(part);
      this.#sent[n]! += written;
      if (written < part.length) return;
    }
  }

  #read(n: number, check?: (n: number, part: Uint8Array) => void): void {
    const receiver = this.#receivers[n]!;
    while (receiver.readableBytes > 0) {
      const length = receiver.readInto(this.#target);
      check?.(n, this.#target.subarray(0, length));
      this.received[n]! += length;
    }
  }

  #connect(count: number): void {
    const { client, server } = this.#pair;
    const listener = server.stack.listenTcp({ port: PORT, backlog: count }, this.#pair.now);
    const remote = { address: addressOf(SERVER), port: PORT };
    for (let n = 0; n < count; n++) this.#senders.push(client.stack.connectTcp(remote, {}, this.#pair.now));
    for (let turn = 0; this.#receivers.length < count; turn++) {
      if (turn > 1000) throw new Error('no connections');
      this.#pair.exchange();
      for (let next = listener.accept(); next; next = listener.accept()) this.#receivers.push(next);
    }
    // In the order of their senders.
    const order = new Map(this.#senders.map((sender, n) => [sender.local.port, n]));
    this.#receivers.sort((a, b) => order.get(a.remote.port)! - order.get(b.remote.port)!);
    listener.close();
  }
}

/** Jain's index of fairness: 1 if all have the same. */
export function jain(shares: Float64Array): number {
  let [sum, squares] = [0, 0];
  for (const share of shares) {
    sum += share;
    squares += share * share;
  }
  return sum ** 2 / (shares.length * squares);
}
