// mac1, mac2 and cookies (WG §5.3, §5.4.4, §5.4.7). mac1 proves that a sender knows whom it addresses; a receiver under
// load may demand mac2, which proves that the sender can be reached where it says it is.
import { equalConstantTime, wipe } from '../bytes.ts';
import type { CryptoSuite } from '../crypto/suite.ts';
import type { Endpoint } from '../endpoint.ts';
import type { Environment } from '../environment.ts';
import type { Instant } from '../time.ts';
import { COOKIE_LIFETIME, COOKIE_SECRET_LIFETIME } from './constants.ts';
import {
  COOKIE_REPLY,
  COOKIE_REPLY_FIELDS,
  COOKIE_REPLY_SIZE,
  field,
  MAC_SIZE,
  RECEIVER_INDEX,
  readIndex,
  SENDER_INDEX,
  writeIndex,
} from './messages.ts';
import { sourceAddressAndPort } from './source-address.ts';

const LABEL_MAC1 = label('mac1----');
const LABEL_COOKIE = label('cookie--');

/** The key of mac1 in messages to the owner of a public key. */
export function mac1Key(crypto: CryptoSuite, publicKey: Uint8Array): Uint8Array {
  return crypto.hash(LABEL_MAC1, publicKey);
}

/** The key of cookie replies from the owner of a public key. */
export function cookieKey(crypto: CryptoSuite, publicKey: Uint8Array): Uint8Array {
  return crypto.hash(LABEL_COOKIE, publicKey);
}

/** Whether a handshake message is meant for the owner of this key; the cheap check that comes before all others. */
export function hasValidMac1(crypto: CryptoSuite, key: Uint8Array, message: Uint8Array): boolean {
  const at = message.length - 2 * MAC_SIZE;
  const expected = crypto.mac(key, message.subarray(0, at));
  return equalConstantTime(expected, message.subarray(at, at + MAC_SIZE));
}

/** What our messages to one peer are stamped with: mac1 always, mac2 while we hold a fresh cookie of that peer. */
export class CookieJar {
  readonly #crypto: CryptoSuite;
  readonly #mac1Key: Uint8Array;
  readonly #cookieKey: Uint8Array;
  #cookie: Uint8Array | undefined;
  #receivedAt: Instant = 0;
  /** Of the last message sent; a reply must be about it, and one message admits one reply. */
  #lastMac1: Uint8Array | undefined;

  constructor(crypto: CryptoSuite, peerPublicKey: Uint8Array) {
    this.#crypto = crypto;
    this.#mac1Key = mac1Key(crypto, peerPublicKey);
    this.#cookieKey = cookieKey(crypto, peerPublicKey);
  }

  /** Writes mac1 and mac2 into the last 32 bytes of a finished handshake message. */
  stamp(message: Uint8Array, now: Instant): void {
    const mac1At = message.length - 2 * MAC_SIZE;
    const mac2At = message.length - MAC_SIZE;
    const mac1 = this.#crypto.mac(this.#mac1Key, message.subarray(0, mac1At));
    message.set(mac1, mac1At);
    this.#lastMac1 = mac1;
    if (this.#cookie && now - this.#receivedAt > COOKIE_LIFETIME) this.forget();
    if (this.#cookie) message.set(this.#crypto.mac(this.#cookie, message.subarray(0, mac2At)), mac2At);
  }

  /**
   * Takes the cookie out of a reply: 'stored', or why not. Nothing is sent because of it; the next retransmission
   * carries mac2.
   */
  consumeReply(reply: Uint8Array, now: Instant): 'stored' | 'unexpected' | 'does-not-open' {
    if (!this.#lastMac1) return 'unexpected';
    const nonce = field(reply, COOKIE_REPLY_FIELDS.nonce);
    const sealed = field(reply, COOKIE_REPLY_FIELDS.encryptedCookie);
    const cookie = this.#crypto.xOpenBytes(this.#cookieKey, nonce, sealed, this.#lastMac1);
    if (!cookie) return 'does-not-open';
    this.forget();
    this.#cookie = cookie;
    this.#receivedAt = now;
    this.#lastMac1 = undefined;
    return 'stored';
  }

  /** A cookie is bound to our address: after a move it is worthless. */
  forget(): void {
    if (this.#cookie) wipe(this.#cookie);
    this.#cookie = undefined;
  }
}

/**
 * The cookies that we hand out under load: MACs of their receivers' addresses under a secret that changes every two
 * minutes, so that nothing has to be remembered of anybody.
 */
export class CookieMaker {
  readonly #environment: Environment;
  readonly #secret = new Uint8Array(32);
  #secretMadeAt: Instant = Number.NEGATIVE_INFINITY;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** Whether the message was made with a cookie that was sent, not long ago, to where it comes from. */
  hasValidMac2(message: Uint8Array, from: Endpoint, now: Instant): boolean {
    if (this.#secretIsTooOld(now)) return false;
    const at = message.length - MAC_SIZE;
    const cookie = this.#cookieOf(from);
    const expected = this.#environment.crypto.mac(cookie, message.subarray(0, at));
    wipe(cookie);
    return equalConstantTime(expected, message.subarray(at));
  }

  /** The reply that refuses a message (WG §5.4.7). `key`: `cookieKey` of our public key. */
  makeReply(key: Uint8Array, message: Uint8Array, from: Endpoint, now: Instant): Uint8Array {
    const { crypto, fillRandom } = this.#environment;
    if (this.#secretIsTooOld(now)) {
      fillRandom(this.#secret);
      this.#secretMadeAt = now;
    }
    const reply = new Uint8Array(COOKIE_REPLY_SIZE);
    reply[0] = COOKIE_REPLY;
    writeIndex(reply, RECEIVER_INDEX, readIndex(message, SENDER_INDEX));
    const nonce = field(reply, COOKIE_REPLY_FIELDS.nonce);
    fillRandom(nonce);
    const mac1 = message.subarray(message.length - 2 * MAC_SIZE, message.length - MAC_SIZE);
    const cookie = this.#cookieOf(from);
    reply.set(crypto.xSealBytes(key, nonce, cookie, mac1), COOKIE_REPLY_FIELDS.encryptedCookie[0]);
    wipe(cookie);
    return reply;
  }

  #secretIsTooOld(now: Instant): boolean {
    return now - this.#secretMadeAt > COOKIE_SECRET_LIFETIME;
  }

  #cookieOf(from: Endpoint): Uint8Array {
    return this.#environment.crypto.mac(this.#secret, sourceAddressAndPort(from));
  }

  wipe(): void {
    wipe(this.#secret);
    this.#secretMadeAt = Number.NEGATIVE_INFINITY;
  }
}

function label(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
