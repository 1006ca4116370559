import { chacha20poly1305, xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../support/hex.ts';
import { SeededRandom } from '../support/random.ts';
import { type AeadVector, allTests, readVectors, type Wycheproof } from '../support/vectors.ts';
import { Harness } from './harness.ts';

const harness = await Harness.load();
const NOTHING: Uint8Array = new Uint8Array(0);

describe('RFC 8439', () => {
  it('§2.4.2: encrypts the sunscreen text', () => {
    // Block counter 1 is where the AEAD's text begins.
    const key = Uint8Array.from({ length: 32 }, (_, i) => i);
    harness.seal(key, fromHex('000000000000004a00000000'), NOTHING, SUNSCREEN);
    expect(toHex(harness.read(harness.text, SUNSCREEN.length))).toBe(
      '6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0bf91b65c5524733ab8f593dabcd62b357' +
        '1639d624e65152ab8f530c359f0861d807ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab7793736' +
        '5af90bbf74a35be6b40b8eedf2785e42874d',
    );
  });

  it('§2.8.2: seals it with additional data', () => {
    const key = Uint8Array.from({ length: 32 }, (_, i) => 0x80 + i);
    const aad = fromHex('50515253c0c1c2c3c4c5c6c7');
    harness.seal(key, fromHex('070000004041424344454647'), aad, SUNSCREEN);
    expect(toHex(harness.read(harness.text, SUNSCREEN.length + 16))).toBe(
      'd31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b' +
        '1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc' +
        '3ff4def08e4b7a9de576d26586cec64b6116' +
        '1ae10b594f09e26a7e902ecbd0600691',
    );
  });
});

const SUNSCREEN = new Uint8Array(
  Buffer.from(
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
  ),
);

describe.each([
  ['chacha20_poly1305_test.json', 12, 325, 316],
  ['xchacha20_poly1305_test.json', 24, 315, 306],
] as const)('Wycheproof %s, in place at every alignment', (name, nonceLength, count, expressible) => {
  const file = readVectors<Wycheproof<AeadVector>>(name);
  // Nonces of other lengths cannot be said in this interface; the suite refuses them (test/core/crypto).
  const cases = allTests(file).filter((vector) => vector.iv.length === 2 * nonceLength);

  it('has all the cases', () => {
    expect(allTests(file)).toHaveLength(count);
    expect(cases).toHaveLength(expressible);
    for (const vector of allTests(file))
      if (!cases.includes(vector)) expect(vector.flags).toContain('InvalidNonceSize');
  });

  it('seals the valid ones and opens only those', () => {
    for (const vector of cases) {
      const key = fromHex(vector.key);
      const nonce = fromHex(vector.iv);
      const aad = fromHex(vector.aad);
      const plaintext = fromHex(vector.msg);
      const sealed = fromHex(vector.ct + vector.tag);
      const valid = vector.result === 'valid';
      for (let alignment = 0; alignment < 16; alignment++) {
        const at = harness.text + alignment;
        const where = `case ${vector.tcId} (${vector.comment}) at alignment ${alignment}`;
        harness.seal(key, nonce, aad, plaintext, at);
        expect(same(harness.memory, at, sealed), where).toBe(valid);
        expect(harness.open(key, nonce, aad, sealed, at), where).toBe(valid);
        expect(same(harness.memory, at, valid ? plaintext : sealed), where).toBe(true);
      }
    }
  });
});

describe('every length 0 … 1100 at every alignment', () => {
  const LONGEST = 1100;
  const GUARD = 512; // more than the widest store there is
  const window = GUARD + 16 + LONGEST + 16 + GUARD;
  const base = harness.text;
  const packet = { key: new Uint8Array(32), nonce: new Uint8Array(12), plaintext: NOTHING, sealed: NOTHING };

  const noise = new SeededRandom(1).bytes(window);

  /** Fills the window with noise, puts `text` at `at`, and returns a copy of all that. */
  function lay(at: number, text: Uint8Array): Uint8Array {
    harness.memory.set(noise, base);
    harness.memory.set(text, at);
    return harness.memory.slice(base, base + window);
  }

  /** One packet per length, from the slow twin. */
  function forEachLength(check: (length: number, random: SeededRandom) => void): void {
    const random = new SeededRandom(8439);
    for (let length = 0; length <= LONGEST; length++) {
      random.fill(packet.key);
      random.fill(packet.nonce);
      packet.plaintext = random.bytes(length);
      packet.sealed = chacha20poly1305(packet.key, packet.nonce).encrypt(packet.plaintext);
      harness.memory.set(packet.key, harness.key);
      check(length, random);
    }
  }

  function seal(at: number, length: number): void {
    const n = new DataView(packet.nonce.buffer);
    const [n0, n1, n2] = [n.getUint32(0, true), n.getUint32(4, true), n.getUint32(8, true)];
    harness.wasm.seal(harness.key, n0, n1, n2, 0, 0, at, length);
  }

  function open(at: number, length: number): boolean {
    const n = new DataView(packet.nonce.buffer);
    const [n0, n1, n2] = [n.getUint32(0, true), n.getUint32(4, true), n.getUint32(8, true)];
    return harness.wasm.open(harness.key, n0, n1, n2, 0, 0, at, length) !== 0;
  }

  it('seals like the twin, and changes nothing around the packet', () => {
    forEachLength((length) => {
      for (let alignment = 0; alignment < 16; alignment++) {
        const at = base + GUARD + alignment;
        const expected = lay(at, packet.plaintext);
        expected.set(packet.sealed, at - base);
        seal(at, length);
        if (!same(harness.memory, base, expected))
          throw new Error(`length ${length}, alignment ${alignment}`);
      }
    });
  });

  it('opens what the twin sealed, and changes nothing around the packet nor the tag', () => {
    forEachLength((length) => {
      for (let alignment = 0; alignment < 16; alignment++) {
        const at = base + GUARD + alignment;
        const expected = lay(at, packet.sealed);
        expected.set(packet.plaintext, at - base);
        const ok = open(at, length + 16);
        if (!ok || !same(harness.memory, base, expected))
          throw new Error(`length ${length}, alignment ${alignment}`);
      }
    });
  });

  it('refuses one flipped bit in data or tag, and leaves every byte as it was', () => {
    forEachLength((length, random) => {
      for (let alignment = 0; alignment < 16; alignment++) {
        const at = base + GUARD + alignment;
        const flips = [at + length + random.below(16)];
        if (length > 0) flips.push(at + random.below(length));
        for (const flip of flips) {
          lay(at, packet.sealed);
          harness.memory[flip]! ^= 1 << random.below(8);
          const before = harness.memory.slice(base, base + window);
          const ok = open(at, length + 16);
          if (ok || !same(harness.memory, base, before))
            throw new Error(`length ${length}, alignment ${alignment}, bit in byte ${flip - at}`);
        }
      }
    });
  });

  it('refuses less than a tag', () => {
    for (let length = 0; length < 16; length++) expect(open(base, length)).toBe(false);
  });
});

describe('additional data', () => {
  it('of every length 0 … 300 counts, for short and long texts, with both nonces', () => {
    const random = new SeededRandom(2);
    for (let length = 0; length <= 300; length++) {
      const key = random.bytes(32);
      const aad = random.bytes(length);
      const plaintext = random.bytes(length % 2 === 0 ? 32 : 500);
      for (const [nonce, twin] of [
        [random.bytes(12), chacha20poly1305],
        [random.bytes(24), xchacha20poly1305],
      ] as const) {
        const sealed = twin(key, nonce, aad).encrypt(plaintext);
        harness.seal(key, nonce, aad, plaintext);
        expect(same(harness.memory, harness.text, sealed), `AAD of ${length} bytes`).toBe(true);
        expect(harness.open(key, nonce, aad, sealed)).toBe(true);
        expect(same(harness.memory, harness.text, plaintext)).toBe(true);

        if (length === 0) continue;
        aad[random.below(length)]! ^= 1 << random.below(8);
        expect(harness.open(key, nonce, aad, sealed), `AAD of ${length} bytes, altered`).toBe(false);
        expect(same(harness.memory, harness.text, sealed)).toBe(true);
        const shorter = aad.subarray(0, length - 1);
        expect(harness.open(key, nonce, shorter, sealed), `AAD of ${length} bytes, cut`).toBe(false);
      }
    }
  });
});

describe('large texts', () => {
  it.each([1408, 1420, 1424, 9000, 16384, 65535])('of %i bytes seal and open', (length) => {
    const random = new SeededRandom(length);
    const key = random.bytes(32);
    const nonce = random.bytes(12);
    for (const plaintext of [
      random.bytes(length),
      new Uint8Array(length),
      new Uint8Array(length).fill(255),
    ]) {
      const sealed = chacha20poly1305(key, nonce).encrypt(plaintext);
      harness.seal(key, nonce, NOTHING, plaintext, harness.text + 3);
      expect(same(harness.memory, harness.text + 3, sealed)).toBe(true);
      expect(harness.open(key, nonce, NOTHING, sealed, harness.text + 5)).toBe(true);
      expect(same(harness.memory, harness.text + 5, plaintext)).toBe(true);
    }
  });
});

describe('the rest of the memory', () => {
  it.each([0, 1, 191, 192, 193, 448, 449, 1420])('is left alone by a packet of %i bytes', (length) => {
    const random = new SeededRandom(length);
    const { memory, wasm } = harness;
    harness.seal(random.bytes(32), random.bytes(12), NOTHING, NOTHING);
    random.fill(memory.subarray(wasm.inputKey.value, wasm.inputKey.value + 100_000));
    for (const run of [() => seal(length), () => open(length + 16)]) {
      const before = memory.slice();
      run();
      // Scratch and the packet itself may change.
      before.set(memory.subarray(wasm.scratch.value, wasm.scratchEnd.value), wasm.scratch.value);
      before.set(memory.subarray(harness.text, harness.text + length + 16), harness.text);
      expect(Buffer.compare(before, memory)).toBe(0);
    }

    function seal(n: number): void {
      wasm.seal(harness.key, 1, 2, 3, 0, 0, harness.text, n);
    }
    function open(n: number): void {
      expect(wasm.open(harness.key, 1, 2, 3, 0, 0, harness.text, n)).toBe(1);
    }
  });
});

/** Whether `expected` lies in memory at `at`. Buffer's comparison is what makes a hundred thousand of them quick. */
function same(memory: Uint8Array, at: number, expected: Uint8Array): boolean {
  return Buffer.compare(memory.subarray(at, at + expected.length), expected) === 0;
}
