import { WebSocket } from 'ws';
import {
  CONTROL_CHANNEL,
  MAX_RECORDS,
  OPEN,
  RecordReader,
  RecordWriter,
  SUBPROTOCOL,
  writeControl,
} from '../../src/core/wire/relay.ts';
import { INITIATION, RESPONSE, TRANSPORT } from '../../src/core/wire/wireguard.ts';

const CHANNEL = 1;
const INDEX = 0x00c0_0001;
/** The peer's (test/bench/c/peer.c), and what it does with a data message: byte 16 says so. */
const PEER_INDEX = 0x00e0_0001;
const ECHO = 2;
const WISH = 16;
const STAMP = 24;
export const KEEPALIVE = 32;

/** Where messages are put together, one at a time. */
const writer = new RecordWriter(new Uint8Array(65_535));
const reader = new RecordReader();
const datagram = Buffer.alloc(2048, 0x44);

export interface SessionOwner {
  /** Only what was sent from then on is an echo. */
  readonly since: number;
  /** An echo came back after so many ms. */
  echoed(roundTrip: number): void;
  /** An open one ended unasked. */
  ended(why: string): void;
}

/** No answer for so long is a failure: ms. */
const PATIENCE = 60_000;

/** A client of the relay with one channel, which costs as little as it can. */
export class LoadSession {
  readonly #socket: WebSocket;
  readonly #owner: SessionOwner;
  #answered: (() => void) | undefined;
  #isUp = false;
  #error = '';
  #ending: string | undefined;
  /** Datagrams, of all kinds. */
  sent = 0;
  received = 0;
  echoes = 0;
  handshakeAt = 0;
  keptAliveAt = 0;

  private constructor(socket: WebSocket, owner: SessionOwner) {
    this.#socket = socket;
    this.#owner = owner;
    socket.on('message', (message) => this.#receive(message as Buffer));
    socket.on('error', ({ message }) => {
      this.#error = message;
    });
    socket.on('close', (code, reason) => {
      const why = String(reason) || this.#error;
      this.#ending ??= `closed with ${code}${why && ` (${why})`}`;
      this.#answered?.();
      if (this.#isUp) owner.ended(this.#ending);
    });
  }

  /** Open, and past its handshake. Rejects if the relay does not want that. */
  static async connect(url: string, port: number, owner: SessionOwner): Promise<LoadSession> {
    const socket = new WebSocket(url, [SUBPROTOCOL], {
      perMessageDeflate: false,
      handshakeTimeout: PATIENCE,
    });
    const session = new LoadSession(socket, owner);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve).once('error', reject);
    });
    const open = writeControl({ type: OPEN, channel: CHANNEL, flags: 0, port, host: '127.0.0.1' });
    const timer = setTimeout(() => session.#giveUp(), PATIENCE);
    await new Promise<void>((resolve) => {
      session.#answered = resolve;
      session.#send(CONTROL_CHANNEL, open);
      session.handshake();
    });
    clearTimeout(timer);
    session.#answered = undefined;
    if (session.#ending !== undefined) throw new Error(session.#ending);
    session.#isUp = true;
    return session;
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  handshake(): void {
    const initiation = Buffer.alloc(148, 0x11);
    initiation.writeUInt32LE(INITIATION, 0);
    initiation.writeUInt32LE(INDEX, 4);
    this.handshakeAt = this.keptAliveAt = performance.now();
    this.sent++;
    this.#send(CHANNEL, initiation);
  }

  keepAlive(): void {
    this.keptAliveAt = performance.now();
    this.#sendData(1, KEEPALIVE, 0);
  }

  /** So many datagrams of `size` bytes, as few messages as that takes, each to come back. */
  sendEchoes(count: number, size: number): void {
    for (let left = count; left > 0; left -= MAX_RECORDS)
      this.#sendData(Math.min(left, MAX_RECORDS), size, ECHO);
  }

  #giveUp(): void {
    this.#ending = `handshake not answered within ${PATIENCE / 1000} s`;
    this.#socket.terminate();
  }

  /** As a client that means it. */
  close(): void {
    this.#isUp = false;
    this.#socket.close(1000);
  }

  /** As one that dies. */
  kill(): void {
    this.#isUp = false;
    this.#socket.terminate();
  }

  #sendData(count: number, size: number, wish: number): void {
    if (!this.isOpen) return;
    const body = datagram.subarray(0, size);
    body.writeUInt32LE(TRANSPORT, 0);
    body.writeUInt32LE(PEER_INDEX, 4);
    body[WISH] = wish;
    if (size >= STAMP + 8) body.writeDoubleLE(performance.now(), STAMP);
    writer.reset();
    let sent = 0;
    while (sent < count && writer.fits(size)) {
      writer.append(CHANNEL, body);
      sent++;
    }
    this.sent += sent;
    this.#socket.send(writer.bytes.slice(0, writer.end));
    if (sent < count) this.#sendData(count - sent, size, wish);
  }

  #send(channel: number, body: Uint8Array): void {
    writer.reset();
    writer.append(channel, body);
    this.#socket.send(writer.bytes.slice(0, writer.end));
  }

  #receive(message: Buffer): void {
    reader.begin(message);
    while (reader.next())
      if (reader.channel === CHANNEL) this.#receiveDatagram(message, reader.start, reader.end);
  }

  #receiveDatagram(message: Buffer, start: number, end: number): void {
    this.received++;
    if (message[start] === RESPONSE) this.#answered?.();
    // The peer's keepalives hold what stood in its buffer before: no echo, though it looks like one.
    if (message[start] !== TRANSPORT || message[start + WISH] !== ECHO || end - start <= KEEPALIVE) return;
    const sentAt = message.readDoubleLE(start + STAMP);
    if (sentAt < this.#owner.since) return;
    this.echoes++;
    this.#owner.echoed(performance.now() - sentAt);
  }
}
