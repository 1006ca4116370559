import { describe, expect, it } from 'vitest';
import type { Endpoint } from '../../../src/core/endpoint.ts';
import { plainMemory } from '../../../src/core/packet-buffer.ts';
import { CookieJar, CookieMaker, cookieKey } from '../../../src/core/wireguard/cookie.ts';
import { sourceAddressAndPort } from '../../../src/core/wireguard/source-address.ts';
import { NobleSuite } from '../../reference/noble-suite.ts';
import { fromHex, toHex } from '../../support/hex.ts';
import { SeededRandom } from '../../support/random.ts';
import { readVectors } from '../../support/vectors.ts';
import type { HandshakeVectors } from './handshake-vectors.ts';

const { cases, cookie_cases } = readVectors<HandshakeVectors>('handshake.json');
const crypto = new NobleSuite();
const here: Endpoint = { host: '192.0.2.1', port: 51820 };

/** Of whom nothing but the random bytes is known in advance. */
function makeMaker(fillRandom: (bytes: Uint8Array) => void): CookieMaker {
  return new CookieMaker({ crypto, memory: plainMemory(64, 0), fillRandom, wallClock: () => 0 });
}

describe.each(cookie_cases.map((one) => [one.name, one] as const))('making cookie "%s"', (_name, vector) => {
  const base = cases.find(({ name }) => name === vector.based_on_case)!;
  const { cookie_secret, nonce, source_ip, source_port, cookie_mac_input } = vector.input;
  const from = { host: source_ip, port: source_port };
  const maker = () => {
    const draws = [fromHex(cookie_secret), fromHex(nonce), fromHex(nonce)];
    return makeMaker((bytes) => bytes.set(draws.shift()!));
  };

  it('refuses an initiation with the same bytes', () => {
    expect(toHex(sourceAddressAndPort(from))).toBe(cookie_mac_input);
    const key = cookieKey(crypto, fromHex(base.public.responder_static));
    const reply = maker().makeReply(key, fromHex(base.initiation.message), from, 0);
    expect(toHex(reply)).toBe(vector.cookie_reply);
  });

  it('refuses a response with the same bytes', () => {
    const key = cookieKey(crypto, fromHex(base.public.initiator_static));
    const reply = maker().makeReply(key, fromHex(base.response.message), from, 0);
    expect(toHex(reply)).toBe(vector.cookie_reply_to_response.message);
  });

  it('accepts the retry', () => {
    const accepting = maker();
    accepting.makeReply(new Uint8Array(32), fromHex(base.initiation.message), from, 0);
    const retry = fromHex(vector.retry_initiation);
    expect(accepting.hasValidMac2(retry, from, 6000)).toBe(true);
    retry[140]! ^= 1;
    expect(accepting.hasValidMac2(retry, from, 6000)).toBe(false);
  });
});

describe('a cookie', () => {
  const random = new SeededRandom(3);
  const peer = random.bytes(32);
  const message = () => random.bytes(148);

  /** A message stamped with the cookie that the maker gives out at `at`. */
  function stamped(maker: CookieMaker, at: number, from = here): Uint8Array {
    const jar = new CookieJar(crypto, peer);
    const first = message();
    jar.stamp(first, at);
    expect(jar.consumeReply(maker.makeReply(cookieKey(crypto, peer), first, from, at), at)).toBe('stored');
    const second = message();
    jar.stamp(second, at);
    return second;
  }

  it('is good for one address and one port', () => {
    const maker = makeMaker(random.fill);
    const retry = stamped(maker, 0);
    expect(maker.hasValidMac2(retry, { ...here }, 0)).toBe(true);
    expect(maker.hasValidMac2(retry, { ...here, port: 51821 }, 0)).toBe(false);
    expect(maker.hasValidMac2(retry, { ...here, port: 51820 - 256 }, 0)).toBe(false);
    expect(maker.hasValidMac2(retry, { ...here, host: '192.0.2.2' }, 0)).toBe(false);
  });

  it('can be for a name, behind a relay', () => {
    const maker = makeMaker(random.fill);
    const from = { host: 'vpn.example.com', port: 51820 };
    const retry = stamped(maker, 0, from);
    expect(maker.hasValidMac2(retry, from, 0)).toBe(true);
    expect(maker.hasValidMac2(retry, { ...from, host: 'vpn.example.org' }, 0)).toBe(false);
  });

  it('is good until its secret is 120 s old; the next reply has a new one', () => {
    const maker = makeMaker(random.fill);
    const early = stamped(maker, 0);
    const late = stamped(maker, 119_000);
    const at120 = stamped(maker, 120_000);
    for (const retry of [early, late, at120]) expect(maker.hasValidMac2(retry, here, 120_000)).toBe(true);
    for (const retry of [early, late, at120]) expect(maker.hasValidMac2(retry, here, 120_000.1)).toBe(false);
    const renewed = stamped(maker, 120_000.1);
    expect(maker.hasValidMac2(renewed, here, 200_000)).toBe(true);
    expect(maker.hasValidMac2(at120, here, 120_001)).toBe(false);
    expect(maker.hasValidMac2(renewed, here, 240_000.1)).toBe(true);
    expect(maker.hasValidMac2(renewed, here, 240_001)).toBe(false);
  });

  it('is not what anyone could compute before the first, or after the end', () => {
    const maker = makeMaker(random.fill);
    const forged = message();
    const zeros = crypto.mac(new Uint8Array(32), sourceAddressAndPort(here));
    forged.set(crypto.mac(zeros, forged.subarray(0, 132)), 132);
    expect(maker.hasValidMac2(forged, here, 0)).toBe(false);
    stamped(maker, 0);
    maker.wipe();
    expect(maker.hasValidMac2(forged, here, 0)).toBe(false);
  });
});
