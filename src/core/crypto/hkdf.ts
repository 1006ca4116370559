import { wipe } from '../bytes.ts';
import type { CryptoSuite } from './suite.ts';

/*
 * KDF1 … KDF3 (WG §5.4): HKDF (RFC 5869) with HMAC-BLAKE2s, the key as salt and no info:
 *
 *   τ0 = HMAC(key, input)     τ1 = HMAC(τ0, 0x1)     τi = HMAC(τ0, τi-1 ‖ i)
 *
 * `key` is 32 bytes (a chaining key), `input` of any length, also empty. Results are fresh, 32 bytes each and the
 * caller's to wipe; τ0 and outputs that were not asked for do not survive the call.
 */

const COUNTER = [new Uint8Array([1]), new Uint8Array([2]), new Uint8Array([3])] as const;

/** τ1. */
export function kdf1(crypto: CryptoSuite, key: Uint8Array, input: Uint8Array): Uint8Array {
  const t0 = crypto.hmac(key, input);
  const t1 = crypto.hmac(t0, COUNTER[0]);
  wipe(t0);
  return t1;
}

/** [τ1, τ2]. */
export function kdf2(crypto: CryptoSuite, key: Uint8Array, input: Uint8Array): [Uint8Array, Uint8Array] {
  const t0 = crypto.hmac(key, input);
  const t1 = crypto.hmac(t0, COUNTER[0]);
  const t2 = crypto.hmac(t0, t1, COUNTER[1]);
  wipe(t0);
  return [t1, t2];
}

/** [τ1, τ2, τ3]. */
export function kdf3(
  crypto: CryptoSuite,
  key: Uint8Array,
  input: Uint8Array,
): [Uint8Array, Uint8Array, Uint8Array] {
  const t0 = crypto.hmac(key, input);
  const t1 = crypto.hmac(t0, COUNTER[0]);
  const t2 = crypto.hmac(t0, t1, COUNTER[1]);
  const t3 = crypto.hmac(t0, t2, COUNTER[2]);
  wipe(t0);
  return [t1, t2, t3];
}
