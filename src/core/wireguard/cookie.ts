// mac1, mac2 and cookies (WG §5.3, §5.4.4, §5.4.7). mac1 proves that a sender knows whom it addresses; a receiver under
// load may demand mac2, which proves that the sender can be reached where it says it is.
import { equalConstantTime, wipe } from '../bytes.ts';
import type { CryptoSuite } from '../crypto/suite.ts';
import type { Instant } from '../time.ts';
import { COOKIE_LIFETIME } from './constants.ts';
import { COOKIE_REPLY_FIELDS, field, MAC_SIZE } from './messages.ts';

const LABEL_MAC1 = label('mac1----');
const LABEL_COOKIE = label('cookie--');

/** The key of mac1 in messages to the owner of a public key. */
export function mac1Key(crypto: CryptoSuite, publicKey: Uint8Array): Uint8Array {
  return crypto.hash(LABEL_MAC1, publicKey);
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
    this.#cookieKey = crypto.hash(LABEL_COOKIE, peerPublicKey);
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

function label(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
