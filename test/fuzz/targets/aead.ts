// ChaCha20-Poly1305 and XChaCha20-Poly1305 in WASM (RFC 8439) against @noble/ciphers: in place, at any address and
// length, and with one bit flipped, which must fail, leave no plaintext and touch nothing around the packet.
import { deepStrictEqual, strictEqual } from 'node:assert';
import { chacha20poly1305, xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { WasmSuite } from '../../../src/core/crypto/wasm-suite.ts';
import { PacketBuffer } from '../../../src/core/packet-buffer.ts';
import { loadAssembly } from '../../../src/node/assembly.ts';
import { SeededRandom } from '../../support/random.ts';

export const name = 'aead';

const suite = new WasmSuite(await loadAssembly());
/** Watched on both sides of the packet. */
const GUARD = 256;

export function run(seed: number): void {
  const random = new SeededRandom(seed);
  for (let n = 0; n < 20; n++) packet(random);
  for (let n = 0; n < 5; n++) byteStrings(random);
}

function lengthOf(random: SeededRandom, most: number): number {
  const bound = [33, 130, 600, 1500, most][random.below(5)]!;
  return random.below(Math.min(bound, most));
}

function packet(random: SeededRandom): void {
  const plaintext = random.bytes(lengthOf(random, random.below(20) === 0 ? 65_000 : 9000));
  const rawKey = random.bytes(32);
  const [low, high] = [random.next(), random.below(2) === 0 ? 0 : random.next()];
  const nonce = new Uint8Array(12);
  new DataView(nonce.buffer).setUint32(4, low, true);
  new DataView(nonce.buffer).setUint32(8, high, true);
  const sealed = chacha20poly1305(rawKey, nonce).encrypt(plaintext);

  const { memory } = suite;
  const at = memory.slots.start + GUARD + random.below(64);
  const around = random.bytes(GUARD + sealed.length + GUARD);
  const slot = new PacketBuffer(memory, { start: at, end: at + sealed.length });
  const lay = (bytes: Uint8Array) => {
    memory.bytes.set(around, at - GUARD);
    slot.copyFrom(bytes);
  };
  const expectAround = (inside: Uint8Array, where: string) => {
    const whole = around.slice();
    whole.set(inside, GUARD);
    deepStrictEqual(
      Buffer.compare(memory.bytes.subarray(at - GUARD, at + sealed.length + GUARD), whole),
      0,
      where,
    );
  };
  const key = suite.importKey(rawKey)!;
  try {
    lay(plaintext);
    suite.seal(key, low, high, slot);
    strictEqual(slot.length, sealed.length);
    expectAround(sealed, `sealing ${plaintext.length} bytes at ${at}`);

    lay(sealed);
    strictEqual(suite.open(key, low, high, slot), true, `opening ${plaintext.length} bytes at ${at}`);
    strictEqual(slot.length, plaintext.length);
    deepStrictEqual(Buffer.compare(memory.bytes.subarray(slot.start, slot.end), plaintext), 0);

    const broken = flipped(sealed, random);
    lay(broken);
    strictEqual(suite.open(key, low, high, slot), false, 'a flipped bit');
    expectAround(broken, 'refusing changes nothing');

    lay(sealed);
    strictEqual(suite.open(key, low ^ 1, high, slot), false, 'another counter');
  } finally {
    key.destroy();
  }
}

function byteStrings(random: SeededRandom): void {
  const key = random.bytes(32);
  const aad = random.bytes(lengthOf(random, 300));
  const plaintext = random.bytes(lengthOf(random, 2000));
  const counter = random.below(2) === 0 ? random.below(4) : random.next() * 2 ** 20;
  const nonce = new Uint8Array(12);
  new DataView(nonce.buffer).setBigUint64(4, BigInt(counter), true);
  const sealed = chacha20poly1305(key, nonce, aad).encrypt(plaintext);
  deepStrictEqual(suite.sealBytes(key, counter, plaintext, aad), sealed);
  deepStrictEqual(suite.openBytes(key, counter, sealed, aad), plaintext);
  strictEqual(suite.openBytes(key, counter, flipped(sealed, random), aad), undefined);
  if (aad.length > 0) strictEqual(suite.openBytes(key, counter, sealed, flipped(aad, random)), undefined);
  strictEqual(suite.openBytes(key, counter, sealed.subarray(0, random.below(sealed.length)), aad), undefined);

  const longNonce = random.bytes(24);
  const xSealed = xchacha20poly1305(key, longNonce, aad).encrypt(plaintext);
  deepStrictEqual(suite.xSealBytes(key, longNonce, plaintext, aad), xSealed);
  deepStrictEqual(suite.xOpenBytes(key, longNonce, xSealed, aad), plaintext);
  strictEqual(suite.xOpenBytes(key, longNonce, flipped(xSealed, random), aad), undefined);
  strictEqual(suite.xOpenBytes(key, flipped(longNonce, random), xSealed, aad), undefined);
}

function flipped(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const copy = bytes.slice();
  copy[random.below(copy.length)]! ^= 1 << random.below(8);
  return copy;
}
