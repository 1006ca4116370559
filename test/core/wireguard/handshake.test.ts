import { describe, expect, it } from 'vitest';
import type { CryptoSuite } from '../../../src/core/crypto/suite.ts';
import { WasmSuite } from '../../../src/core/crypto/wasm-suite.ts';
import { type EngineMemory, PacketBuffer } from '../../../src/core/packet-buffer.ts';
import { CookieJar, hasValidMac1, mac1Key } from '../../../src/core/wireguard/cookie.ts';
import {
  type Acquaintance,
  consumeResponse,
  createInitiation,
  createResponse,
  openStatic,
  openTimestamp,
} from '../../../src/core/wireguard/handshake.ts';
import { Keypair } from '../../../src/core/wireguard/keypair.ts';
import { openTransport, sealTransport } from '../../../src/core/wireguard/transport.ts';
import { loadAssembly } from '../../../src/node/assembly.ts';
import { NobleSuite } from '../../reference/noble-suite.ts';
import { fromHex, toHex } from '../../support/hex.ts';
import { readVectors } from '../../support/vectors.ts';
import type { HandshakeCase, HandshakeVectors, Step } from './handshake-vectors.ts';
import type { Suite } from './station.ts';

const { cases, cookie_cases } = readVectors<HandshakeVectors>('handshake.json');

const assembly = await loadAssembly();

/** The slow twin, and what is shipped. */
const SUITES: [string, () => Suite][] = [
  ['with @noble', () => new NobleSuite()],
  ['with WASM', () => new WasmSuite(assembly)],
];

/** Remembers every hash and every HMAC, so that each step of the key schedule can be looked for. */
function recording(suite: Suite) {
  const seen = new Set<string>();
  const note = (result: Uint8Array) => {
    seen.add(toHex(result));
    return result;
  };
  const hash = suite.hash.bind(suite);
  const hmac = suite.hmac.bind(suite);
  return Object.assign(suite, {
    seen,
    hash: (...parts: Uint8Array[]) => note(hash(...parts)),
    hmac: (key: Uint8Array, ...parts: Uint8Array[]) => note(hmac(key, ...parts)),
    /** All of them were gone through; the first that was not is named. */
    expectSteps(steps: Step[]): void {
      for (const { step, ck, h, key, tau } of steps) {
        for (const value of [ck, h, key, tau])
          if (value !== undefined) expect(seen.has(value), step).toBe(true);
      }
    },
  });
}

/** Both parties' view of one vector. */
function partiesOf({ input, public: publics, dh }: HandshakeCase) {
  const initiatorPublic = fromHex(publics.initiator_static);
  const responderPublic = fromHex(publics.responder_static);
  const common = { staticStatic: fromHex(dh.ss), presharedKey: fromHex(input.preshared_key) };
  const initiator: Acquaintance = {
    ...common,
    ourPublicKey: initiatorPublic,
    peerPublicKey: responderPublic,
  };
  const responder: Acquaintance = {
    ...common,
    ourPublicKey: responderPublic,
    peerPublicKey: initiatorPublic,
  };
  return { initiator, responder };
}

function initiate(crypto: CryptoSuite, vector: HandshakeCase) {
  const { input } = vector;
  const created = createInitiation(
    crypto,
    partiesOf(vector).initiator,
    fromHex(input.initiator_ephemeral_private),
    input.initiator_sender_index,
    fromHex(input.timestamp_tai64n),
  );
  return created!;
}

function consume(crypto: CryptoSuite, vector: HandshakeCase, message: Uint8Array) {
  const { responder } = partiesOf(vector);
  const es = crypto.dh(fromHex(vector.input.responder_static_private), message.slice(8, 40))!;
  const opened = openStatic(crypto, responder.ourPublicKey, message, es);
  return opened && { ...opened, ...openTimestamp(opened.symmetric, message, responder.staticStatic) };
}

const slotOf = ({ slots }: EngineMemory) => ({ start: slots.start, end: slots.start + 4096 });

describe.each(SUITES)('%s', (_suite, makeSuite) => {
  describe.each(cases.map((one) => [one.name, one] as const))('handshake "%s"', (_name, vector) => {
    const { input, initiation, response, transport } = vector;
    const { initiator, responder } = partiesOf(vector);

    it('creates the initiation, byte for byte and step by step', () => {
      const crypto = recording(makeSuite());
      const { message, sent } = initiate(crypto, vector);
      new CookieJar(crypto, responder.ourPublicKey).stamp(message, 0);
      expect(toHex(message)).toBe(initiation.message);
      crypto.expectSteps(initiation.steps);
      expect(toHex(sent.symmetric.chainingKey)).toBe(initiation.ck_after);
      expect(toHex(sent.symmetric.hash)).toBe(initiation.h_after);
    });

    it('consumes the initiation', () => {
      const crypto = recording(makeSuite());
      const message = fromHex(initiation.message);
      expect(hasValidMac1(crypto, mac1Key(crypto, responder.ourPublicKey), message)).toBe(true);
      const consumed = consume(crypto, vector, message)!;
      crypto.expectSteps(initiation.steps);
      expect(toHex(consumed.peerPublicKey)).toBe(vector.public.initiator_static);
      expect(toHex(consumed.timestamp!)).toBe(input.timestamp_tai64n);
      expect(consumed.received!.remoteIndex).toBe(input.initiator_sender_index);
      expect(toHex(consumed.symmetric.chainingKey)).toBe(initiation.ck_after);
      expect(toHex(consumed.symmetric.hash)).toBe(initiation.h_after);
    });

    it('creates the response and the keys', () => {
      const crypto = recording(makeSuite());
      const { received } = consume(crypto, vector, fromHex(initiation.message))!;
      const ephemeral = fromHex(input.responder_ephemeral_private);
      const created = createResponse(crypto, responder, received!, ephemeral, input.responder_sender_index)!;
      new CookieJar(crypto, initiator.ourPublicKey).stamp(created.message, 0);
      expect(toHex(created.message)).toBe(response.message);
      crypto.expectSteps(response.steps);
      expect(crypto.seen.has(response.ck_after)).toBe(true);
      expect(crypto.seen.has(response.h_after)).toBe(true);
      expect(toHex(created.keys.receive)).toBe(transport.key_initiator_to_responder);
      expect(toHex(created.keys.send)).toBe(transport.key_responder_to_initiator);
      expect(created.keys.remoteIndex).toBe(input.initiator_sender_index);
      // What was used up is gone.
      expect(ephemeral.every((byte) => byte === 0)).toBe(true);
      expect(received!.symmetric.chainingKey.every((byte) => byte === 0)).toBe(true);
    });

    it('consumes the response, and only the right one', () => {
      const crypto = recording(makeSuite());
      const { sent } = initiate(crypto, vector);
      const message = fromHex(response.message);
      const se = fromHex(vector.dh.se);
      const wrongKey = { ...initiator, presharedKey: new Uint8Array(32).fill(7) };
      expect(consumeResponse(crypto, wrongKey, sent, message, se)).toBe('does-not-open');
      for (const at of [12, 43, 44, 59]) {
        const altered = message.slice();
        altered[at]! ^= 1;
        expect(consumeResponse(crypto, initiator, sent, altered, se)).toBe('does-not-open');
      }
      const zero = message.slice().fill(0, 12, 44);
      expect(consumeResponse(crypto, initiator, sent, zero, se)).toBe('zero-dh');

      const keys = consumeResponse(crypto, initiator, sent, message, se);
      if (typeof keys === 'string') throw new Error(keys);
      crypto.expectSteps(response.steps);
      expect(toHex(keys.send)).toBe(transport.key_initiator_to_responder);
      expect(toHex(keys.receive)).toBe(transport.key_responder_to_initiator);
      expect(keys.remoteIndex).toBe(input.responder_sender_index);
    });

    it('refuses an initiation of which one bit differs', () => {
      const crypto = makeSuite();
      const message = fromHex(initiation.message);
      for (const at of [8, 39, 40, 87]) {
        const altered = message.slice();
        altered[at]! ^= 1;
        expect(consume(crypto, vector, altered), `byte ${at}`).toBeUndefined();
      }
      for (const at of [88, 115]) {
        const altered = message.slice();
        altered[at]! ^= 1;
        expect(consume(crypto, vector, altered)!.timestamp, `byte ${at}`).toBeUndefined();
      }
      for (let at = 0; at < 132; at++) {
        const altered = message.slice();
        altered[at]! ^= 0x80;
        expect(hasValidMac1(crypto, mac1Key(crypto, responder.ourPublicKey), altered)).toBe(false);
      }
    });

    describe.each(transport.messages.map((message) => [message.what, message] as const))(
      'transport: %s',
      (_what, message) => {
        const packet = fromHex(message.packet);
        const wire = fromHex(message.message);
        const counter = BigInt(message.counter);
        const key = fromHex(
          message.direction === 'i2r'
            ? transport.key_initiator_to_responder
            : transport.key_responder_to_initiator,
        );

        function makeKeypair(crypto: CryptoSuite): Keypair {
          const aeadKey = crypto.importKey(key)!;
          const keypair = new Keypair({ send: aeadKey, receive: aeadKey }, true, 1, message.receiver, 0);
          keypair.counterLow = Number(counter & 0xffff_ffffn);
          keypair.counterHigh = Number(counter >> 32n);
          return keypair;
        }

        it('is sealed to the same bytes', () => {
          const crypto = makeSuite();
          const { memory } = crypto;
          const keypair = makeKeypair(crypto);
          const buffer = new PacketBuffer(memory, slotOf(memory));
          buffer.memory.fill(0xee, buffer.slot.start, buffer.slot.end);
          buffer.copyFrom(packet, 0, packet.length, 16);
          if (counter >= 2n ** 64n - 2n ** 13n - 1n) {
            expect(keypair.canSend(0)).toBe(false);
            return;
          }
          expect(keypair.canSend(0)).toBe(true);
          sealTransport(crypto, keypair, buffer, input.mtu);
          expect(toHex(buffer.memory.slice(buffer.start, buffer.end))).toBe(message.message);
          expect(BigInt(keypair.counterHigh) * 2n ** 32n + BigInt(keypair.counterLow)).toBe(counter + 1n);
        });

        it('is opened once, unless its counter is beyond the limit', () => {
          const crypto = makeSuite();
          const { memory } = crypto;
          const keypair = makeKeypair(crypto);
          const buffer = new PacketBuffer(memory, slotOf(memory));
          const open = () => {
            buffer.copyFrom(wire);
            return openTransport(crypto, keypair, buffer, 0);
          };
          if (message.what.includes('MUST be dropped')) {
            expect(open()).toBe('counter_limit');
            return;
          }
          buffer.copyFrom(wire);
          buffer.memory[buffer.end - 1]! ^= 1;
          expect(openTransport(crypto, keypair, buffer, 0)).toBe('bad_tag');
          expect(open()).toBeUndefined();
          expect(buffer.length).toBe(message.plaintext_padded_len);
          const padded = new Uint8Array(message.plaintext_padded_len);
          padded.set(packet);
          expect(toHex(buffer.memory.slice(buffer.start, buffer.end))).toBe(toHex(padded));
          expect(open()).toBe('replay');
        });
      },
    );
  });

  describe.each(cookie_cases.map((one) => [one.name, one] as const))('cookie "%s"', (_name, vector) => {
    const base = cases.find(({ name }) => name === vector.based_on_case)!;
    const { initiator, responder } = partiesOf(base);

    function retry(crypto: CryptoSuite): Uint8Array {
      return createInitiation(
        crypto,
        initiator,
        fromHex(vector.input.retry_ephemeral_private),
        vector.input.retry_sender_index,
        fromHex(vector.input.retry_timestamp_tai64n),
      )!.message;
    }

    it('is taken from a reply to our initiation, and the retry carries the right mac2', () => {
      const crypto = makeSuite();
      const jar = new CookieJar(crypto, responder.ourPublicKey);
      jar.stamp(initiate(crypto, base).message, 0);
      expect(jar.consumeReply(fromHex(vector.cookie_reply), 1000)).toBe('stored');
      const message = retry(crypto);
      jar.stamp(message, 6000);
      expect(toHex(message)).toBe(vector.retry_initiation);
      expect(toHex(message.slice(116, 132))).toBe(vector.retry_mac1);
      expect(toHex(message.slice(132))).toBe(vector.retry_mac2);
    });

    it('is used for 115 s', () => {
      const crypto = makeSuite();
      const jar = new CookieJar(crypto, responder.ourPublicKey);
      jar.stamp(initiate(crypto, base).message, 0);
      jar.consumeReply(fromHex(vector.cookie_reply), 0);
      const early = retry(crypto);
      jar.stamp(early, 115_000);
      expect(toHex(early.slice(132))).toBe(vector.retry_mac2);
      const late = retry(crypto);
      jar.stamp(late, 115_000.1);
      expect(toHex(late.slice(132))).toBe('00'.repeat(16));
    });

    it('is not taken before something was sent, nor twice, nor altered, nor about another message', () => {
      const crypto = makeSuite();
      const reply = fromHex(vector.cookie_reply);
      const jar = new CookieJar(crypto, responder.ourPublicKey);
      expect(jar.consumeReply(reply, 0)).toBe('unexpected');
      jar.stamp(retry(crypto), 0);
      expect(jar.consumeReply(reply, 0)).toBe('does-not-open');
      jar.stamp(initiate(crypto, base).message, 0);
      for (const at of [8, 31, 32, 63]) {
        const altered = reply.slice();
        altered[at]! ^= 1;
        expect(jar.consumeReply(altered, 0)).toBe('does-not-open');
      }
      expect(jar.consumeReply(reply, 0)).toBe('stored');
      expect(jar.consumeReply(reply, 0)).toBe('unexpected');
    });

    it('is taken by a responder from a reply to its response', () => {
      const crypto = makeSuite();
      const { received } = consume(crypto, base, fromHex(base.initiation.message))!;
      const { message } = createResponse(
        crypto,
        responder,
        received!,
        fromHex(base.input.responder_ephemeral_private),
        base.input.responder_sender_index,
      )!;
      const jar = new CookieJar(crypto, initiator.ourPublicKey);
      jar.stamp(message, 0);
      expect(jar.consumeReply(fromHex(vector.cookie_reply_to_response.message), 0)).toBe('stored');
      expect(jar.consumeReply(fromHex(vector.cookie_reply), 0)).toBe('unexpected');
    });
  });
});
