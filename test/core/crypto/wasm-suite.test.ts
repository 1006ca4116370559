import { blake2s } from '@noble/hashes/blake2.js';
import { describe, expect, it } from 'vitest';
import { kdf2 } from '../../../src/core/crypto/hkdf.ts';
import type { AeadKey } from '../../../src/core/crypto/suite.ts';
import { WasmSuite } from '../../../src/core/crypto/wasm-suite.ts';
import { PacketBuffer, plainMemory } from '../../../src/core/packet-buffer.ts';
import { loadAssembly } from '../../../src/node/assembly.ts';
import { Harness } from '../../assembly/harness.ts';
import { fromHex, toHex } from '../../support/hex.ts';
import { readVectors, type SmallVectors } from '../../support/vectors.ts';

const SECRET = Uint8Array.from({ length: 32 }, (_, i) => 0xa0 + ((i * 7) & 31));
const NOTHING = new Uint8Array(0);

async function freshSuite() {
  const wasm = await loadAssembly();
  const suite = new WasmSuite(wasm);
  return { suite, wasm, memory: Buffer.from(wasm.memory.buffer) };
}

function packetIn(suite: WasmSuite, length = 100): PacketBuffer {
  const { start } = suite.memory.slots;
  const packet = new PacketBuffer(suite.memory, { start, end: start + 2048 });
  packet.copyFrom(new Uint8Array(length));
  return packet;
}

describe('the module', () => {
  it('imports nothing and cannot grow', async () => {
    const { wasm } = await freshSuite();
    const memory = wasm.memory as WebAssembly.Memory;
    expect(memory.buffer.byteLength).toBe(4 << 20);
    expect(() => memory.grow(1)).toThrow();
  });

  it('has regions that follow each other, with room for batches and 2 MiB of packets', async () => {
    const { suite, wasm } = await freshSuite();
    const { ingress, egress, slots } = suite.memory;
    const keysEnd = wasm.keySlots.value + 32 * wasm.keySlotCount.value;
    expect(wasm.inputTextEnd.value).toBeLessThanOrEqual(wasm.keySlots.value);
    expect(keysEnd).toBeLessThanOrEqual(ingress.start);
    expect(ingress.end).toBeLessThanOrEqual(egress.start);
    expect(egress.end).toBeLessThanOrEqual(slots.start);
    expect(slots.end).toBe(wasm.memory.buffer.byteLength);
    for (const batch of [ingress, egress]) expect(batch.end - batch.start).toBeGreaterThan(65536 + 2048);
    expect(slots.end - slots.start).toBeGreaterThanOrEqual(2 << 20);
    for (const { start, end } of [ingress, egress, slots]) expect([start % 16, end % 16]).toEqual([0, 0]);
  });

  it('HChaCha20: 5 vectors, the first is the draft’s', async () => {
    const harness = await Harness.load();
    const vectors = readVectors<SmallVectors>('small.json').hchacha20;
    expect(vectors).toHaveLength(5);
    for (const { key, nonce16, subkey } of vectors) {
      harness.memory.set(fromHex(key), harness.key);
      harness.memory.set(fromHex(nonce16), harness.nonce);
      harness.wasm.hchacha20(harness.key, harness.nonce, harness.output);
      expect(toHex(harness.read(harness.output, 32))).toBe(subkey);
    }
  });
});

describe('the memory', () => {
  it('has the tables of the compiler before all that is written, so that ciphers do not change hashes', async () => {
    const { suite, wasm } = await freshSuite();
    const { tablesEnd } = wasm as unknown as { tablesEnd: { value: number } };
    expect(tablesEnd.value).toBeGreaterThan(1024);
    expect(tablesEnd.value).toBeLessThanOrEqual(wasm.scratch.value);
    const key = suite.importKey(SECRET)!;
    for (const length of [64, 1420]) {
      const packet = packetIn(suite);
      packet.append(length);
      suite.seal(key, 1, 0, packet);
    }
    key.destroy();
    expect(suite.hash(SECRET)).toEqual(blake2s(SECRET));
  });
});

describe('key slots', () => {
  it('are 8192, are told when they run out, and come back', async () => {
    const { suite } = await freshSuite();
    const keys: AeadKey[] = [];
    for (;;) {
      const key = suite.importKey(SECRET);
      if (!key) break;
      keys.push(key);
    }
    expect(keys).toHaveLength(8192);
    keys[17]!.destroy();
    expect(suite.importKey(SECRET)).toBeDefined();
    expect(suite.importKey(SECRET)).toBeUndefined();
  });

  it('hold keys that do not touch each other', async () => {
    const { suite } = await freshSuite();
    const first = suite.importKey(SECRET)!;
    const second = suite.importKey(new Uint8Array(32).fill(1))!;
    const packet = packetIn(suite);
    suite.seal(first, 1, 0, packet);
    expect(suite.open(second, 1, 0, packet)).toBe(false);
    second.destroy();
    expect(suite.open(first, 1, 0, packet)).toBe(true);
  });

  it('take a copy: the caller may wipe its own', async () => {
    const { suite } = await freshSuite();
    const mine = SECRET.slice();
    const key = suite.importKey(mine)!;
    const packet = packetIn(suite);
    suite.seal(key, 1, 0, packet);
    mine.fill(0);
    expect(suite.open(key, 1, 0, packet)).toBe(true);
  });

  it('are zero after destroy(), and so is all scratch that knew its keystream', async () => {
    const { suite, memory, wasm } = await freshSuite();
    const key = suite.importKey(SECRET)!;
    const packet = packetIn(suite, 1420);
    suite.seal(key, 1, 0, packet);
    expect(memory.includes(Buffer.from(SECRET))).toBe(true);
    // While the key lives, scratch may remember its keystream: of a packet of zeros, what is in the packet.
    const keystream = packet.memory.slice(packet.start, packet.start + 16);
    const scratch = memory.subarray(wasm.scratch.value, wasm.inputText.value);
    suite.seal(key, 1, 0, packetIn(suite, 100));
    expect(scratch.includes(Buffer.from(keystream))).toBe(true);

    key.destroy();
    for (let word = 0; word < 32; word += 4) {
      const at = memory.indexOf(Buffer.from(SECRET.subarray(word, word + 4)));
      expect(at === -1 || at >= wasm.ingress.value, `word ${word / 4} at ${at}`).toBe(true);
    }
    expect(memory.subarray(wasm.scratch.value, wasm.ingress.value).every((byte) => byte === 0)).toBe(true);
  });
});

describe('secrets', () => {
  it('leave no trace after calls on byte strings', async () => {
    const { suite, memory, wasm } = await freshSuite();
    const before = Buffer.from(memory);
    expect(memory.subarray(wasm.scratch.value).every((byte) => byte === 0)).toBe(true);
    const nonce = SECRET.subarray(0, 24);
    const sealed = suite.sealBytes(SECRET, 1, SECRET, SECRET);
    const xSealed = suite.xSealBytes(SECRET, nonce, SECRET, SECRET);
    const calls: Record<string, () => unknown> = {
      sealBytes: () => suite.sealBytes(SECRET, 1, SECRET, SECRET),
      openBytes: () => suite.openBytes(SECRET, 1, sealed, SECRET),
      'openBytes of a forgery': () => suite.openBytes(SECRET, 2, sealed, SECRET),
      xSealBytes: () => suite.xSealBytes(SECRET, nonce, SECRET, SECRET),
      xOpenBytes: () => suite.xOpenBytes(SECRET, nonce, xSealed, SECRET),
      'xOpenBytes of a forgery': () => suite.xOpenBytes(SECRET, SECRET.subarray(1, 25), xSealed, SECRET),
      hash: () => suite.hash(SECRET, SECRET),
      mac: () => suite.mac(SECRET, SECRET),
      hmac: () => suite.hmac(SECRET, SECRET),
      'hmac with a long key': () => suite.hmac(new Uint8Array(100).fill(9), SECRET),
      sipHash: () => suite.sipHash(SECRET.subarray(0, 16), SECRET),
      kdf2: () => kdf2(suite, SECRET, SECRET),
    };
    for (const [name, call] of Object.entries(calls)) {
      call();
      expect(memory.equals(before), name).toBe(true);
    }
  });

  it('are gone from the whole memory after wipe(), and nothing works any more', async () => {
    const { suite, memory } = await freshSuite();
    const key = suite.importKey(SECRET)!;
    const packet = packetIn(suite);
    packet.memory.fill(7, packet.start, packet.end);
    suite.seal(key, 1, 0, packet);
    suite.wipe();
    expect(memory.every((byte) => byte === 0)).toBe(true);

    expect(() => suite.seal(key, 1, 0, packet)).toThrow();
    expect(() => suite.open(key, 1, 0, packet)).toThrow();
    expect(() => suite.importKey(SECRET)).toThrow('after wipe()');
    expect(() => suite.sealBytes(SECRET, 0, NOTHING, NOTHING)).toThrow('after wipe()');
    expect(() => suite.xOpenBytes(SECRET, SECRET.subarray(0, 24), SECRET, NOTHING)).toThrow('after wipe()');
    expect(() => suite.hash(SECRET)).toThrow('after wipe()');
    expect(() => suite.mac(SECRET, SECRET)).toThrow('after wipe()');
    expect(() => suite.hmac(SECRET, SECRET)).toThrow('after wipe()');
    expect(() => suite.sipHash(SECRET.subarray(0, 16), SECRET)).toThrow('after wipe()');
    expect(memory.every((byte) => byte === 0)).toBe(true);
  });
});

describe('arguments', () => {
  it('must be of the right length and fit', async () => {
    const { suite } = await freshSuite();
    const large = new Uint8Array(65536);
    expect(() => suite.sealBytes(SECRET, 0, large, NOTHING)).toThrow('0 + 65536 bytes are more than fit');
    expect(() => suite.openBytes(SECRET, 0, large, new Uint8Array(1))).toThrow(RangeError);
    expect(() => suite.xSealBytes(SECRET, SECRET.subarray(0, 23), NOTHING, NOTHING)).toThrow(
      'nonce: expected 24 bytes, got 23',
    );
    expect(() => suite.sipHash(SECRET, NOTHING)).toThrow('SipHash key: expected 16 bytes, got 32');
    expect(() => suite.sipHash(SECRET.subarray(0, 16), new Uint8Array(65537))).toThrow(RangeError);
    expect(() => suite.mac(new Uint8Array(33), NOTHING)).toThrow('expected 1 to 32 bytes, got 33');
    expect(() => suite.mac(NOTHING, NOTHING)).toThrow('expected 1 to 32 bytes, got 0');
    expect(suite.sealBytes(SECRET, 0, large.subarray(16), NOTHING)).toHaveLength(65536);
  });

  it('must lie in the engine’s memory, if they are packets', async () => {
    const { suite } = await freshSuite();
    const other = plainMemory();
    const packet = new PacketBuffer(other, { start: 0, end: 2048 });
    packet.copyFrom(new Uint8Array(64));
    const key = suite.importKey(SECRET)!;
    expect(() => suite.seal(key, 0, 0, packet)).toThrow("outside the engine's memory");
    expect(() => suite.open(key, 0, 0, packet)).toThrow("outside the engine's memory");
    expect(packet.length).toBe(64);
  });
});

describe('BLAKE2s in the module', () => {
  it('gives any length of output', async () => {
    const { wasm, memory } = await Harness.load();
    memory.set(SECRET, wasm.inputText.value);
    memory.set(SECRET, wasm.inputKey.value);
    for (let length = 1; length <= 32; length++) {
      for (const keyLength of [0, 1, 16, 32]) {
        memory.fill(0xee, wasm.output.value, wasm.output.value + 32);
        wasm.blake2sBegin(wasm.inputKey.value, keyLength, length);
        wasm.blake2sUpdate(wasm.inputText.value, 32);
        wasm.blake2sFinish(wasm.output.value);
        const key = SECRET.subarray(0, keyLength);
        const expected = new Uint8Array(32).fill(0xee);
        expected.set(blake2s(SECRET, { dkLen: length, ...(keyLength > 0 && { key }) }));
        expect(toHex(memory.slice(wasm.output.value, wasm.output.value + 32))).toBe(toHex(expected));
      }
    }
  });
});

describe('warming up', () => {
  it('goes in slices, ends, and gives its key slot back', async () => {
    const { suite } = await freshSuite();
    let slices = 0;
    let left = Number.POSITIVE_INFINITY;
    while (left > 0) {
      const now = suite.warmUp(250);
      expect(now).toBeLessThan(left);
      left = now;
      slices++;
    }
    expect(slices).toBe(12);
    expect(suite.warmUp(250)).toBe(0);
    let free = 0;
    while (suite.importKey(SECRET)) free++;
    expect(free).toBe(8192);
  });
});
