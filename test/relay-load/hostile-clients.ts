import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import {
  CONTROL_CHANNEL,
  MAX_RECORDS,
  OPEN,
  RecordWriter,
  SUBPROTOCOL,
  writeControl,
} from '../../src/core/wire/relay.ts';
import { SeededRandom } from '../support/random.ts';

const CHANNEL = 1;
const TURN = 10;
/** One message in so many has damaged control records, which end its session. */
const DAMAGED = 200;
/** What more than this waits for, the relay does not read fast enough. */
const BEHIND = 1 << 20;

/** What other services would like to hear. */
const OTHERS = [
  'abcd01000001000000000000076578616d706c6503636f6d0000010001', // DNS
  '1700032a00000000', // NTP monlist
  '000100002112a442000102030405060708090a0b', // STUN
  `c00000000108${'83'.repeat(8)}0000${'00'.repeat(1170)}`, // QUIC Initial
  '7374617473200d0a', // memcached
].map((hex) => Buffer.from(hex, 'hex'));

/** Clients that send what no client should, with a seed. */
export class HostileClients {
  reconnections = 0;
  readonly #url: string;
  readonly #port: number;
  readonly #random = new SeededRandom(20_260_101);
  readonly #writer = new RecordWriter(new Uint8Array(65_535));
  readonly #sockets: WebSocket[] = [];

  private constructor(url: string, port: number) {
    this.#url = url;
    this.#port = port;
  }

  /** To a relay whose rule allows `port` of loopback. */
  static async connect(url: string, port: number, count: number): Promise<HostileClients> {
    const clients = new HostileClients(url, port);
    for (let n = 0; n < count; n++) clients.#sockets.push(clients.#connect());
    await Promise.all(clients.#sockets.map((socket) => once(socket, 'open')));
    return clients;
  }

  /** So many datagrams a second for so long, as far as the relay takes them. How many they were. */
  async attack(rate: number, seconds: number): Promise<number> {
    const began = performance.now();
    let sent = 0;
    for (let turn = 0; performance.now() - began < 1000 * seconds; turn++) {
      const due = (rate * (performance.now() - began)) / 1000;
      for (let n = 0; sent < due && n < 4 * this.#sockets.length; n++)
        sent += this.#send((turn + n) % this.#sockets.length);
      await delay(TURN);
    }
    await delay(500);
    return sent;
  }

  close(): void {
    for (const socket of this.#sockets) socket.removeAllListeners('close').terminate();
  }

  #connect(): WebSocket {
    const socket = new WebSocket(this.#url, [SUBPROTOCOL], { perMessageDeflate: false });
    socket.on('error', () => {});
    socket.on('open', () => {
      const open = writeControl({
        type: OPEN,
        channel: CHANNEL,
        flags: 0,
        port: this.#port,
        host: '127.0.0.1',
      });
      this.#writer.reset();
      this.#writer.append(CONTROL_CHANNEL, open);
      socket.send(this.#message());
    });
    socket.on('close', () => {
      this.reconnections++;
      this.#sockets[this.#sockets.indexOf(socket)] = this.#connect();
    });
    return socket;
  }

  #send(at: number): number {
    const socket = this.#sockets[at]!;
    if (socket.readyState !== WebSocket.OPEN || socket.bufferedAmount > BEHIND) return 0;
    this.#writer.reset();
    const isDamaged = this.#random.below(DAMAGED) === 0;
    let datagrams = 0;
    while (datagrams < MAX_RECORDS) {
      const body = this.#datagram();
      if (!this.#writer.fits(body.length)) break;
      this.#writer.append(CHANNEL, body);
      datagrams++;
    }
    const message = this.#message();
    // Anywhere in it: a length, a channel, a control record where there was none.
    if (isDamaged)
      for (let n = 0; n < 8; n++) message[this.#random.below(message.length)] = this.#random.below(256);
    socket.send(message);
    return datagrams;
  }

  #message(): Uint8Array {
    return this.#writer.bytes.slice(0, this.#writer.end);
  }

  #datagram(): Uint8Array {
    const random = this.#random;
    switch (random.below(6)) {
      case 0:
        return OTHERS[random.below(OTHERS.length)]!;
      case 1: // A handshake, of the right form and of nobody.
        return this.#typed(1, 148);
      case 2: // Almost one.
        return this.#typed(1 + random.below(4), [147, 149, 91, 93, 63, 65, 31, 148][random.below(8)]!);
      case 3: // Data for whatever index.
        return this.#typed(4, 32 + random.below(1400));
      case 4: // Answers to what nobody asked.
        return random.below(2) === 0 ? this.#typed(2, 92) : this.#typed(3, 64);
      default:
        return random.bytes(1 + random.below(300));
    }
  }

  #typed(type: number, length: number): Uint8Array {
    const bytes = this.#random.bytes(length);
    bytes.set([type, 0, 0, 0]);
    return bytes;
  }
}
