// What every CryptoSuite must do. The engine's and its slow twin pass the same cases.
import { describe, expect, it } from 'vitest';
import { kdf3 } from '../../../src/core/crypto/hkdf.ts';
import { WasmSuite } from '../../../src/core/crypto/wasm-suite.ts';
import { PacketBuffer } from '../../../src/core/packet-buffer.ts';
import { loadAssembly } from '../../../src/node/assembly.ts';
import { NODE_CURVE } from '../../../src/node/curve.ts';
import { NobleSuite } from '../../reference/noble-suite.ts';
import { fromHex, toHex } from '../../support/hex.ts';
import { SeededRandom } from '../../support/random.ts';
import {
  type AeadVector,
  allTests,
  readVectors,
  type SmallVectors,
  type Wycheproof,
} from '../../support/vectors.ts';

const small = readVectors<SmallVectors>('small.json');
const KEY = Uint8Array.from({ length: 32 }, (_, i) => i);
const NOTHING = new Uint8Array(0);
const COUNTERS = [0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 7, Number.MAX_SAFE_INTEGER];

const suites = {
  WasmSuite: new WasmSuite(await loadAssembly()),
  "WasmSuite with Node's curve": new WasmSuite(await loadAssembly(), { curve: NODE_CURVE }),
  NobleSuite: new NobleSuite(),
};

describe.each(Object.entries(suites))('%s', (_name, suite) => {
  describe('hashes', () => {
    it('RFC 7693 appendix B: BLAKE2s-256 of "abc"', () => {
      expect(toHex(suite.hash(fromHex('616263')))).toBe(
        '508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982',
      );
    });

    it('BLAKE2s-256: 17 vectors', () => {
      expect(small.blake2s_256).toHaveLength(17);
      for (const { input, hash } of small.blake2s_256) expect(toHex(suite.hash(fromHex(input)))).toBe(hash);
    });

    it('keyed BLAKE2s with 16 bytes of output: 22 vectors', () => {
      const cases = [...small.blake2s_mac16_key32, ...small.blake2s_mac16_key16];
      expect(cases).toHaveLength(22);
      for (const { key, input, mac } of cases)
        expect(toHex(suite.mac(fromHex(key), fromHex(input)))).toBe(mac);
    });

    it('HMAC-BLAKE2s: 9 vectors, keys longer than a block among them', () => {
      expect(small.hmac_blake2s).toHaveLength(9);
      expect(small.hmac_blake2s.some(({ key }) => key.length > 2 * 64)).toBe(true);
      for (const { key, input, mac } of small.hmac_blake2s)
        expect(toHex(suite.hmac(fromHex(key), fromHex(input)))).toBe(mac);
    });

    it('KDF3: 6 vectors', () => {
      expect(small.kdf3).toHaveLength(6);
      for (const { key, input, t } of small.kdf3)
        expect(kdf3(suite, fromHex(key), fromHex(input)).map(toHex)).toEqual(t);
    });

    it('take a message in any parts', () => {
      const random = new SeededRandom(7693);
      for (let run = 0; run < 200; run++) {
        const message = random.bytes(random.below(400));
        const key = random.bytes(1 + random.below(32));
        const parts: Uint8Array[] = [];
        for (let at = 0; at < message.length; ) {
          const length = random.below(3) === 0 ? 64 : random.below(130);
          parts.push(message.subarray(at, at + length));
          at += length;
        }
        expect(toHex(suite.hash(...parts))).toBe(toHex(suites.NobleSuite.hash(message)));
        expect(toHex(suite.mac(key, ...parts))).toBe(toHex(suites.NobleSuite.mac(key, message)));
        expect(toHex(suite.hmac(key, ...parts))).toBe(toHex(suites.NobleSuite.hmac(key, message)));
      }
    });

    it('take a message of any length', () => {
      for (let length = 0; length <= 300; length++) {
        const message = new SeededRandom(length).bytes(length);
        expect(toHex(suite.hash(message)), `${length} bytes`).toBe(toHex(suites.NobleSuite.hash(message)));
      }
      const long = new SeededRandom(1).bytes(200_000);
      expect(toHex(suite.hash(long))).toBe(toHex(suites.NobleSuite.hash(long)));
    });

    it('SipHash-2-4: the 64 vectors of the reference implementation', () => {
      const { hashes } = readVectors<{ hashes: string[] }>('siphash.json');
      expect(hashes).toHaveLength(64);
      const key = KEY.subarray(0, 16);
      hashes.forEach((hash, length) => {
        const [low, high] = suite.sipHash(
          key,
          Uint8Array.from({ length }, (_, i) => i),
        );
        const bytes = new Uint8Array(new Uint32Array([low, high]).buffer);
        expect(toHex(bytes), `${length} bytes`).toBe(hash);
      });
    });
  });

  describe('AEAD on byte strings', () => {
    it('Wycheproof XChaCha20-Poly1305: 315 cases', () => {
      const cases = allTests(readVectors<Wycheproof<AeadVector>>('xchacha20_poly1305_test.json'));
      expect(cases).toHaveLength(315);
      for (const vector of cases) {
        const [key, nonce, aad] = [fromHex(vector.key), fromHex(vector.iv), fromHex(vector.aad)];
        const sealed = fromHex(vector.ct + vector.tag);
        if (vector.flags.includes('InvalidNonceSize')) {
          expect(() => suite.xSealBytes(key, nonce, fromHex(vector.msg), aad)).toThrow();
          continue;
        }
        const opened = suite.xOpenBytes(key, nonce, sealed, aad);
        const expected = vector.result === 'valid' ? vector.msg : undefined;
        expect(opened && toHex(opened), `case ${vector.tcId}`).toBe(expected);
        if (vector.result === 'valid')
          expect(toHex(suite.xSealBytes(key, nonce, fromHex(vector.msg), aad))).toBe(toHex(sealed));
      }
    });

    it('uses all 64 bits of the counter', () => {
      const sealed = COUNTERS.map((counter) => toHex(suite.sealBytes(KEY, counter, NOTHING, NOTHING)));
      const { NobleSuite: twin } = suites;
      expect(new Set(sealed).size).toBe(sealed.length);
      expect(sealed).toEqual(
        COUNTERS.map((counter) => toHex(twin.sealBytes(KEY, counter, NOTHING, NOTHING))),
      );
    });

    it('refuses another AAD, another counter and less than a tag', () => {
      const aad = fromHex('0102030405');
      const sealed = suite.sealBytes(KEY, 3, fromHex('abcdef'), aad);
      expect(toHex(suite.openBytes(KEY, 3, sealed, aad)!)).toBe('abcdef');
      expect(suite.openBytes(KEY, 4, sealed, aad)).toBeUndefined();
      expect(suite.openBytes(KEY, 3, sealed, fromHex('0102030406'))).toBeUndefined();
      expect(suite.openBytes(KEY, 3, sealed, NOTHING)).toBeUndefined();
      expect(suite.openBytes(KEY, 3, sealed.subarray(0, 15), aad)).toBeUndefined();
      expect(suite.openBytes(KEY, 3, NOTHING, aad)).toBeUndefined();
    });

    it.each([31, 33])('refuses a key of %i bytes', (length) => {
      const key = new Uint8Array(length);
      expect(() => suite.sealBytes(key, 0, NOTHING, NOTHING)).toThrow();
      expect(() => suite.openBytes(key, 0, new Uint8Array(16), NOTHING)).toThrow();
      expect(() => suite.importKey(key)).toThrow(`AEAD key: expected 32 bytes, got ${length}`);
    });
  });

  describe('AEAD on packets', () => {
    it('seals and opens in place with a counter in two halves', () => {
      const key = suite.importKey(KEY)!;
      const packet = packetOf(new SeededRandom(3).bytes(1420));
      const plaintext = packet.memory.slice(packet.start, packet.end);
      const start = packet.start;

      suite.seal(key, 0xfffffffe, 0x80000001, packet);
      expect([packet.start, packet.length]).toEqual([start, 1436]);
      expect(suite.open(key, 0xfffffffe, 0x80000002, packet)).toBe(false);
      expect(suite.open(key, 0xffffffff, 0x80000001, packet)).toBe(false);
      expect(packet.length).toBe(1436);
      expect(suite.open(key, 0xfffffffe, 0x80000001, packet)).toBe(true);
      expect([packet.start, packet.length]).toEqual([start, 1420]);
      expect(packet.memory.slice(packet.start, packet.end)).toEqual(plaintext);
      key.destroy();
    });

    it('is what sealBytes does with the same counter and no AAD', () => {
      const key = suite.importKey(KEY)!;
      const packet = packetOf(fromHex('00112233'));
      suite.seal(key, 5, 1, packet);
      const sealed = suite.sealBytes(KEY, 2 ** 32 + 5, fromHex('00112233'), NOTHING);
      expect(toHex(packet.memory.slice(packet.start, packet.end))).toBe(toHex(sealed));
      key.destroy();
    });

    it('opens nothing shorter than a tag', () => {
      const key = suite.importKey(KEY)!;
      for (let length = 0; length < 16; length++)
        expect(suite.open(key, 0, 0, packetOf(new Uint8Array(length)))).toBe(false);
      key.destroy();
    });

    it('refuses a packet without room for the tag, and does not touch it', () => {
      const key = suite.importKey(KEY)!;
      const { start } = suite.memory.slots;
      const packet = new PacketBuffer(suite.memory, { start, end: start + 64 });
      packet.copyFrom(new Uint8Array(49).fill(7));
      expect(() => suite.seal(key, 0, 0, packet)).toThrow('no tailroom');
      expect(packet.memory.slice(packet.start, packet.end)).toEqual(new Uint8Array(49).fill(7));
      key.destroy();
    });

    it('refuses a key that was destroyed', () => {
      const key = suite.importKey(KEY)!;
      key.destroy();
      key.destroy(); // twice is once
      const packet = packetOf(new Uint8Array(20));
      expect(() => suite.seal(key, 0, 0, packet)).toThrow('after it was destroyed');
      expect(() => suite.open(key, 0, 0, packet)).toThrow('after it was destroyed');
    });

    function packetOf(bytes: Uint8Array): PacketBuffer {
      const { start } = suite.memory.slots;
      const packet = new PacketBuffer(suite.memory, { start, end: start + 2048 });
      packet.copyFrom(bytes, 0, bytes.length, 33);
      return packet;
    }
  });

  describe('Curve25519', () => {
    it('RFC 7748 §6.1: the key pairs of Alice and Bob', () => {
      const alice = fromHex(ALICE);
      const bob = fromHex(BOB);
      expect(toHex(suite.publicKey(alice))).toBe(
        '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a',
      );
      expect(toHex(suite.dh(alice, suite.publicKey(bob))!)).toBe(
        '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742',
      );
      expect(suite.dh(bob, suite.publicKey(alice))).toEqual(suite.dh(alice, suite.publicKey(bob)));
    });

    it('refuses keys of other lengths', () => {
      expect(() => suite.dh(new Uint8Array(31), KEY)).toThrow('expected 32 bytes, got 31');
      expect(() => suite.dh(KEY, new Uint8Array(33))).toThrow('expected 32 bytes, got 33');
      expect(() => suite.publicKey(new Uint8Array(0))).toThrow('expected 32 bytes, got 0');
    });
  });
});

const ALICE = '77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a';
const BOB = '5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb';
