// Cookie replies (WG §5.4.7): only an untouched reply to the last message stamped is believed, once; the cookie in it
// is in every mac2 for 115 s, and no other one ever is.
import { deepStrictEqual, strictEqual } from 'node:assert';
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { blake2s } from '@noble/hashes/blake2.js';
import { SECOND } from '../../../src/core/time.ts';
import { CookieJar } from '../../../src/core/wireguard/cookie.ts';
import { NobleSuite } from '../../reference/noble-suite.ts';
import { SeededRandom } from '../../support/random.ts';

export const name = 'cookie-reply';

const suite = new NobleSuite();
const NO_MAC = new Uint8Array(16);
const COOKIE_LIFETIME = 115 * SECOND;

export function run(seed: number): void {
  const random = new SeededRandom(seed);
  const publicKey = random.bytes(32);
  const jar = new CookieJar(suite, publicKey);
  const keyOf = (label: string) => blake2s(Buffer.concat([Buffer.from(label), publicKey]));
  const mac1Key = keyOf('mac1----');
  const cookieKey = keyOf('cookie--');

  let now = 1000 + random.fraction();
  let held: { cookie: Uint8Array; since: number } | undefined;
  /** Of the last message, until a reply to it was believed. */
  let lastMac1: Uint8Array | undefined;
  const earlier: Uint8Array[] = [];

  for (let n = 0; n < 60; n++) {
    now += [0, 1, 5 * SECOND, 60 * SECOND, COOKIE_LIFETIME - 1, COOKIE_LIFETIME, 1 + random.fraction()][
      random.below(7)
    ]!;
    if (random.below(2) === 0) {
      const message = random.bytes(random.below(2) === 0 ? 148 : 92);
      message.fill(0, message.length - 32);
      if (held && now - held.since > COOKIE_LIFETIME) held = undefined;
      jar.stamp(message, now);
      const end = message.length;
      lastMac1 = mac(mac1Key, message.subarray(0, end - 32));
      deepStrictEqual(message.slice(end - 32, end - 16), lastMac1, 'mac1');
      const mac2 = held ? mac(held.cookie, message.subarray(0, end - 16)) : NO_MAC;
      deepStrictEqual(message.slice(end - 16), mac2, 'mac2');
      earlier.push(lastMac1);
      continue;
    }
    if (random.below(20) === 0) {
      jar.forget();
      held = undefined;
    }
    const cookie = random.bytes(16);
    const about =
      earlier[random.below(3) === 0 ? random.below(earlier.length) : earlier.length - 1] ?? NO_MAC;
    const reply = makeReply(random, cookieKey, about, cookie);
    const isAltered = random.below(3) === 0;
    // The type and the receiver's index are read before it gets here.
    if (isAltered) reply[8 + random.below(56)]! ^= 1 + random.below(255);
    const outcome = jar.consumeReply(reply, now);
    const isGood = !isAltered && lastMac1 !== undefined && Buffer.compare(about, lastMac1) === 0;
    strictEqual(outcome, !lastMac1 ? 'unexpected' : isGood ? 'stored' : 'does-not-open');
    if (!isGood) continue;
    held = { cookie, since: now };
    lastMac1 = undefined;
  }
}

function mac(key: Uint8Array, message: Uint8Array): Uint8Array {
  return blake2s(message, { key, dkLen: 16 });
}

function makeReply(random: SeededRandom, key: Uint8Array, mac1: Uint8Array, cookie: Uint8Array): Uint8Array {
  const reply = new Uint8Array(64);
  reply[0] = 3;
  const nonce = random.bytes(24);
  reply.set(nonce, 8);
  reply.set(xchacha20poly1305(key, nonce, mac1).encrypt(cookie), 32);
  return reply;
}
