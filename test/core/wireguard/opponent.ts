import { clamp } from '../../../src/core/crypto/identity.ts';
import type { Endpoint } from '../../../src/core/endpoint.ts';
import { PacketBuffer, plainMemory } from '../../../src/core/packet-buffer.ts';
import { CookieJar } from '../../../src/core/wireguard/cookie.ts';
import {
  type Acquaintance,
  consumeResponse,
  createInitiation,
  createResponse,
  openStatic,
  openTimestamp,
  type SentInitiation,
  type TransportKeys,
} from '../../../src/core/wireguard/handshake.ts';
import { Keypair } from '../../../src/core/wireguard/keypair.ts';
import { readIndex } from '../../../src/core/wireguard/messages.ts';
import { timestampOf } from '../../../src/core/wireguard/tai64n.ts';
import { openTransport, sealTransport } from '../../../src/core/wireguard/transport.ts';
import { NobleSuite } from '../../reference/noble-suite.ts';
import { RememberingSuite } from '../../reference/remembering-suite.ts';
import { SeededRandom } from '../../support/random.ts';

/** One side of a session in the opponent's hand. */
export interface Session {
  keypair: Keypair;
  localIndex: number;
  remoteIndex: number;
}

/** For it, every DH is all zero, and every public key is the one point. */
class LyingSuite extends NobleSuite {
  readonly #point: Uint8Array;

  constructor(point: Uint8Array) {
    super(plainMemory(256, 0));
    this.#point = point;
  }

  override dh(): Uint8Array {
    return new Uint8Array(32);
  }

  override publicKey(): Uint8Array {
    return this.#point.slice();
  }
}

/**
 * The other side of a conversation with a device under test, without any will of its own: no timers, no state machine.
 * It makes whatever message a test wants, right or wrong, out of the pure functions that the vectors have verified.
 */
export class Opponent {
  readonly crypto = new RememberingSuite(plainMemory(1 << 17));
  readonly privateKey: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly endpoint: Endpoint;
  presharedKey = new Uint8Array(32);
  /** The timestamp of the next initiation; each initiation moves it on by a second. */
  seconds = 1_800_000_000;
  readonly #random: SeededRandom;
  readonly #devicePublicKey: Uint8Array;
  readonly #buffer: PacketBuffer;

  constructor(devicePublicKey: Uint8Array, seed = 99) {
    this.#random = new SeededRandom(seed);
    this.privateKey = clamp(this.#random.bytes(32));
    this.publicKey = this.crypto.publicKey(this.privateKey);
    this.endpoint = { host: '192.0.2.1', port: 51820 + seed };
    this.#devicePublicKey = devicePublicKey;
    this.#buffer = new PacketBuffer(this.crypto.memory, { start: 0, end: 1 << 17 });
  }

  get acquaintance(): Acquaintance {
    return {
      ourPublicKey: this.publicKey,
      peerPublicKey: this.#devicePublicKey,
      staticStatic: this.crypto.dh(this.privateKey, this.#devicePublicKey)!,
      presharedKey: this.presharedKey,
    };
  }

  index(): number {
    return this.#random.next();
  }

  ephemeral(): Uint8Array {
    return clamp(this.#random.bytes(32));
  }

  /** Writes mac1 (and an empty mac2) over what is there. */
  stamp(message: Uint8Array): Uint8Array {
    message.fill(0, message.length - 32);
    new CookieJar(this.crypto, this.#devicePublicKey).stamp(message, 0);
    return message;
  }

  initiate(timestamp = timestampOf(this.seconds++, 0)): { message: Uint8Array; sent: SentInitiation } {
    const created = createInitiation(
      this.crypto,
      this.acquaintance,
      this.ephemeral(),
      this.index(),
      timestamp,
    )!;
    this.stamp(created.message);
    return created;
  }

  /** With an ephemeral key of low order, by one who knows that every DH with it is zero: else all is right. */
  initiateWithPoint(point: Uint8Array): Uint8Array {
    const liar = new LyingSuite(point);
    const timestamp = timestampOf(this.seconds++, 0);
    const known = this.acquaintance;
    return this.stamp(createInitiation(liar, known, this.ephemeral(), this.index(), timestamp)!.message);
  }

  /** Takes the device's response to our initiation. */
  complete(sent: SentInitiation, response: Uint8Array): Session {
    const se = this.crypto.dh(this.privateKey, response.slice(12, 44))!;
    const keys = consumeResponse(this.crypto, this.acquaintance, sent, response, se);
    if (typeof keys === 'string') throw new Error(keys);
    return this.#session(keys, true, sent.localIndex);
  }

  /** Reads the device's initiation; throws when it is not a good one. */
  read(initiation: Uint8Array) {
    const es = this.crypto.dh(this.privateKey, initiation.slice(8, 40))!;
    const opened = openStatic(this.crypto, this.publicKey, initiation, es);
    const rest = opened && openTimestamp(opened.symmetric, initiation, this.acquaintance.staticStatic);
    if (!rest) throw new Error('the initiation does not open');
    return rest;
  }

  /** Answers the device's initiation. */
  answer(initiation: Uint8Array): { message: Uint8Array; session: Session } {
    const index = this.index();
    const created = createResponse(
      this.crypto,
      this.acquaintance,
      this.read(initiation).received,
      this.ephemeral(),
      index,
    )!;
    return { message: this.stamp(created.message), session: this.#session(created.keys, false, index) };
  }

  /** As `initiateWithPoint`. */
  answerWithPoint(initiation: Uint8Array, point: Uint8Array): Uint8Array {
    const liar = new LyingSuite(point);
    const { received } = this.read(initiation);
    const created = createResponse(liar, this.acquaintance, received, this.ephemeral(), this.index())!;
    return this.stamp(created.message);
  }

  /** What a loaded receiver says about a handshake message of the device, and the mac2 that it wants to see then. */
  refuseWithCookie(message: Uint8Array, cookie = new Uint8Array(16).fill(0xc0)) {
    const nonce = this.#random.bytes(24);
    const key = this.crypto.hash(new TextEncoder().encode('cookie--'), this.publicKey);
    const reply = new Uint8Array(64);
    reply.set([3, 0, 0, 0, ...message.slice(4, 8), ...nonce]);
    reply.set(this.crypto.xSealBytes(key, nonce, cookie, message.slice(-32, -16)), 32);
    return { reply, mac2: (next: Uint8Array) => this.crypto.mac(cookie, next.slice(0, -16)) };
  }

  #session(keys: TransportKeys, isInitiator: boolean, localIndex: number): Session {
    const imported = {
      send: this.crypto.importKey(keys.send)!,
      receive: this.crypto.importKey(keys.receive)!,
    };
    const keypair = new Keypair(imported, isInitiator, localIndex, keys.remoteIndex, 0);
    return { keypair, localIndex, remoteIndex: keys.remoteIndex };
  }

  /** A transport message with this plaintext, exactly; with the session's next counter or the given one. */
  seal(session: Session, plaintext: Uint8Array = new Uint8Array(0), counter?: bigint): Uint8Array {
    const { keypair } = session;
    const resume = [keypair.counterLow, keypair.counterHigh] as const;
    if (counter !== undefined) {
      keypair.counterLow = Number(counter & 0xffff_ffffn);
      keypair.counterHigh = Number(counter >> 32n);
    }
    this.#buffer.copyFrom(plaintext, 0, plaintext.length, 16);
    // As long as its MTU: no padding.
    sealTransport(this.crypto, keypair, this.#buffer, Math.max(1, plaintext.length));
    if (counter !== undefined) [keypair.counterLow, keypair.counterHigh] = resume;
    return this.#buffer.memory.slice(this.#buffer.start, this.#buffer.end);
  }

  /** The plaintext of a transport message from the device; throws when it is not for this session or does not open. */
  open(session: Session, datagram: Uint8Array): Uint8Array {
    if (readIndex(datagram, 4) !== session.localIndex) throw new Error('for another session');
    this.#buffer.copyFrom(datagram);
    const drop = openTransport(this.crypto, session.keypair, this.#buffer, 0);
    if (drop) throw new Error(drop);
    return this.#buffer.memory.slice(this.#buffer.start, this.#buffer.end);
  }
}
