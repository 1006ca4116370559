import type { TcpConnection } from '../../../src/core/netstack/tcp/connection.ts';
import type { Contender } from '../race.ts';
import { addressOf, START } from './engine.ts';
import type { Hub } from './tunnel-engine.ts';

const PORT = 80;
const CHUNK = 1 << 16;
const ANSWER_BYTES = 1 << 14;
const TICK = 0.5;
const PATIENCE = 1_000_000;

/** An engine sends to each of its peers, over a connection each. One time is CHUNK bytes of all together. */
export class PeerCrowd implements Contender {
  static readonly CHUNK = CHUNK;
  readonly #hub: Hub;
  readonly #senders: TcpConnection[] = [];
  readonly #receivers: TcpConnection[] = [];
  readonly #received: Float64Array;
  readonly #source = new Uint8Array(CHUNK).fill(7);
  readonly #target = new Uint8Array(CHUNK);
  readonly #now = Float64Array.of(START + 10);

  constructor(hub: Hub) {
    this.#hub = hub;
    this.#received = new Float64Array(hub.servers.length);
    this.#connect();
  }

  /** One byte for each peer: 1 if all that it got is what was sent. */
  answer(): Uint8Array {
    const good = new Uint8Array(this.#receivers.length).fill(1);
    while (this.#received.some((bytes) => bytes < ANSWER_BYTES))
      this.#turn((n, part) => {
        for (const byte of part) if (byte !== 7) good[n] = 0;
      });
    return good;
  }

  static expected(peers: number): Uint8Array {
    return new Uint8Array(peers).fill(1);
  }

  run(times: number): void {
    const total = (): number => this.#received.reduce((sum, bytes) => sum + bytes, 0);
    const until = total() + times * CHUNK;
    for (let turn = 0; total() < until; turn++) {
      if (turn > PATIENCE) throw new Error('nothing arrives any more');
      this.#turn();
    }
  }

  #turn(check?: (n: number, part: Uint8Array) => void): void {
    const now = this.#now[0]! + TICK;
    this.#now[0] = now;
    const { client, servers } = this.#hub;
    client.receive(now);
    for (const sender of this.#senders) while (sender.write(this.#source) === CHUNK);
    client.poll(now);
    for (let n = 0; n < servers.length; n++) {
      servers[n]!.receive(now);
      const receiver = this.#receivers[n];
      while (receiver && receiver.readableBytes > 0) {
        const length = receiver.readInto(this.#target);
        this.#received[n]! += length;
        check?.(n, this.#target.subarray(0, length));
      }
      servers[n]!.poll(now);
    }
  }

  #connect(): void {
    const { client, servers, addresses } = this.#hub;
    const now = this.#now[0]!;
    const listeners = servers.map(({ stack }) => stack.listenTcp({ port: PORT }, now));
    const senders = addresses.map((address) =>
      client.stack.connectTcp({ address: addressOf(address), port: PORT }, {}, now),
    );
    for (let turn = 0; this.#receivers.filter(Boolean).length < servers.length; turn++) {
      if (turn > 1000) throw new Error('no connections');
      this.#turn();
      listeners.forEach((listener, n) => {
        this.#receivers[n] ??= listener.accept()!;
      });
    }
    this.#senders.push(...senders);
  }
}
