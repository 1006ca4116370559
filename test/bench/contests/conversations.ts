// What programs at both ends of a pair do, as contenders: each a TCP connection, a UDP echo …
import type { TcpConnection } from '../../../src/core/netstack/tcp/connection.ts';
import type { Contender } from '../race.ts';
import { addressOf, CLIENT, type Engine, type Pair, SERVER } from './engine.ts';

const PORT = 80;
const CHUNK = 1 << 16;
const ANSWER_BYTES = 1 << 20;
const PATTERN = new Uint8Array(CHUNK).map((_, i) => i * 7 + (i >> 8));
/** More turns than anything takes. */
const PATIENCE = 1_000_000;
/** Between connections, so that there is no end of those that wait out TIME-WAIT. In ms. */
const PAUSE = 5;

/** Whose time counts. */
export type Clocked = 'both' | 'sender' | 'receiver' | 'acknowledgements';

/** One connection over which the client sends without end. One time is CHUNK bytes; of acknowledgements, one of them. */
export class Bulk implements Contender {
  static readonly CHUNK = CHUNK;
  readonly #pair: Pair;
  readonly #clocked: Clocked;
  readonly #sender: TcpConnection;
  readonly #receiver: TcpConnection;
  readonly #target = new Uint8Array(CHUNK);
  /** Where in the pattern the next write begins. */
  #written = 0;
  /** Of what is moved now. */
  #received = 0;
  #times = new Float64Array(2);

  constructor(pair: Pair, clocked: Clocked = 'both') {
    this.#pair = pair;
    this.#clocked = clocked;
    [this.#sender, this.#receiver] = connectPair(pair);
  }

  /** What arrives of a megabyte. */
  answer(): Uint8Array {
    const got = new Uint8Array(ANSWER_BYTES);
    let length = 0;
    this.#move(ANSWER_BYTES, (part) => {
      got.set(part, length);
      length += part.length;
    });
    return got;
  }

  /** What should. */
  static expected(): Uint8Array {
    return new Uint8Array(ANSWER_BYTES).map((_, i) => PATTERN[i % CHUNK]!);
  }

  /** Sends so many bytes beforehand. */
  age(bytes: number): this {
    this.#move(bytes);
    return this;
  }

  run(times: number): number | undefined {
    if (this.#clocked === 'acknowledgements') return this.#acknowledge(times);
    this.#times.fill(0);
    this.#move(times * CHUNK);
    if (this.#clocked === 'both') return undefined;
    return this.#times[this.#clocked === 'sender' ? 0 : 1];
  }

  #move(bytes: number, take?: (part: Uint8Array) => void): void {
    this.#received = 0;
    for (let turn = 0; this.#received < bytes; turn++) {
      if (turn > PATIENCE) throw new Error(`${bytes - this.#received} bytes do not arrive`);
      this.#pair.advance();
      this.#senderTurn();
      this.#receiverTurn(bytes, take);
    }
  }

  #senderTurn(): void {
    const started = performance.now();
    const { client, now } = this.#pair;
    client.receive(now);
    this.#write();
    client.poll(now);
    this.#times[0]! += performance.now() - started;
  }

  #write(): void {
    for (;;) {
      const at = this.#written;
      const part = at === 0 ? PATTERN : PATTERN.subarray(at);
      const written = this.#sender.write(part);
      this.#written = (at + written) % CHUNK;
      if (written < part.length) return;
    }
  }

  #receiverTurn(until: number, take?: (part: Uint8Array) => void): void {
    const started = performance.now();
    const { server, now } = this.#pair;
    server.receive(now);
    while (this.#receiver.readableBytes > 0 && this.#received < until) {
      const room = Math.min(CHUNK, until - this.#received);
      const target = room === CHUNK ? this.#target : this.#target.subarray(0, room);
      const length = this.#receiver.readInto(target);
      this.#received += length;
      take?.(this.#target.subarray(0, length));
    }
    server.poll(now);
    this.#times[1]! += performance.now() - started;
  }

  /** Until the sender has taken so many acknowledgements; how long it took to take them. */
  #acknowledge(times: number): number {
    const { client, server } = this.#pair;
    const before = server.packets;
    let took = 0;
    this.#received = 0;
    for (let until = 0; server.packets - before < times; ) {
      this.#pair.advance();
      const { now } = this.#pair;
      const started = performance.now();
      client.receive(now);
      took += performance.now() - started;
      this.#write();
      client.poll(now);
      this.#receiverTurn((until += 1 << 20));
    }
    return (took * times) / (server.packets - before);
  }
}

/** 64 bytes there, 64 back, over one connection. */
export class Requests implements Contender {
  readonly #pair: Pair;
  readonly #client: TcpConnection;
  readonly #server: TcpConnection;
  readonly #request = Requests.expected();
  readonly #buffer = new Uint8Array(64);

  constructor(pair: Pair) {
    this.#pair = pair;
    [this.#client, this.#server] = connectPair(pair);
  }

  answer(): Uint8Array {
    this.run(1);
    return this.#buffer.slice();
  }

  static expected(): Uint8Array {
    return new Uint8Array(64).map((_, i) => i);
  }

  run(times: number): void {
    for (let i = 0; i < times; i++) {
      this.#client.write(this.#request);
      this.#carry(this.#pair.client, this.#pair.server, this.#server);
      this.#server.write(this.#buffer);
      this.#carry(this.#pair.server, this.#pair.client, this.#client);
    }
  }

  #carry(from: Engine, to: Engine, at: TcpConnection): void {
    this.#pair.advance();
    const { now } = this.#pair;
    from.poll(now);
    to.receive(now);
    if (at.readInto(this.#buffer) !== this.#buffer.length) throw new Error('a message got lost');
  }
}

/** A connection is made, accepted and closed by both. */
export class Connects implements Contender {
  readonly #pair: Pair;
  readonly #listener;
  readonly #remote = { address: addressOf(SERVER), port: PORT };

  constructor(pair: Pair) {
    this.#pair = pair;
    this.#listener = pair.server.stack.listenTcp({ port: PORT }, pair.now);
  }

  answer(): Uint8Array {
    this.run(1);
    return new Uint8Array(0);
  }

  run(times: number): void {
    for (let i = 0; i < times; i++) this.#connectAndClose();
  }

  #connectAndClose(): void {
    const pair = this.#pair;
    const client = pair.client.stack.connectTcp(this.#remote, {}, pair.now);
    let server: TcpConnection | undefined;
    for (let turn = 0; !server; turn++) {
      if (turn > 10) throw new Error('no connection');
      pair.exchange();
      server = this.#listener.accept();
    }
    client.close();
    for (let turn = 0; server.state !== 'CLOSED'; turn++) {
      if (turn > 10) throw new Error(`no end: ${client.state}, ${server.state}`);
      pair.exchange();
      if (server.readEnded) server.close();
    }
    pair.advance(PAUSE);
  }
}

/** A datagram there, and back. */
export class UdpEcho implements Contender {
  readonly #pair: Pair;
  readonly #client;
  readonly #server;
  readonly #data: Uint8Array;

  constructor(pair: Pair, size: number) {
    this.#pair = pair;
    this.#data = UdpEcho.expected(size);
    this.#server = pair.server.stack.bindUdp({ port: PORT });
    this.#client = pair.client.stack.bindUdp({ remote: { address: addressOf(SERVER), port: PORT } });
  }

  answer(): Uint8Array {
    return this.#echo();
  }

  static expected(size: number): Uint8Array {
    return new Uint8Array(size).map((_, i) => i * 3);
  }

  run(times: number): void {
    for (let i = 0; i < times; i++) this.#echo();
  }

  #echo(): Uint8Array {
    const { client, server } = this.#pair;
    this.#pair.advance();
    const { now } = this.#pair;
    this.#client.send(this.#data);
    client.poll(now);
    server.receive(now);
    const { data, remote } = this.#server.receive()!;
    this.#server.send(data, remote);
    server.poll(now);
    client.receive(now);
    return this.#client.receive()!.data;
  }
}

function connectPair(pair: Pair): [client: TcpConnection, server: TcpConnection] {
  const listener = pair.server.stack.listenTcp({ port: PORT, address: addressOf(SERVER) }, pair.now);
  const localAddress = addressOf(CLIENT);
  const remote = { address: addressOf(SERVER), port: PORT };
  const client = pair.client.stack.connectTcp(remote, { localAddress, noDelay: true }, pair.now);
  for (let turn = 0; turn < 100; turn++) {
    pair.exchange();
    const server = listener.accept();
    if (!server) continue;
    server.setOptions({ noDelay: true });
    return [client, server];
  }
  throw new Error('no connection');
}
