import { createCipheriv, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { poly1305 } from '@noble/ciphers/_poly1305.js';
import { describe, expect, it } from 'vitest';
import {
  ChaChaPolyCipher,
  ChaChaPolyDecipher,
  type ChachaExports,
  TAG_LENGTH,
  useAssembly,
} from '../../../web/ssh/crypto/chacha.ts';

const wasm = await readFile(new URL('../../../assembly/tabwire.wasm', import.meta.url));
const { instance } = await WebAssembly.instantiate(wasm);
const assembly = instance.exports as unknown as ChachaExports;
useAssembly(assembly);

const LENGTH = 4;

/** OpenSSH's chachapoly_crypt, line by line, on OpenSSL's ChaCha20. */
function sealPlainly(key: Buffer, seqno: number, packet: Buffer): Buffer {
  const main = key.subarray(0, 32);
  const header = key.subarray(32, 64);
  const length = stream(header, seqno, 0).update(packet.subarray(0, LENGTH));
  const text = stream(main, seqno, 1).update(packet.subarray(LENGTH));
  const oneTimeKey = stream(main, seqno, 0).update(Buffer.alloc(32));
  const sealed = Buffer.concat([length, text]);
  return Buffer.concat([sealed, poly1305(Uint8Array.from(sealed), Uint8Array.from(oneTimeKey))]);
}

/** ChaCha20 as djb wrote it: a counter of 64 bits, little-endian, and a nonce of as many, the number big-endian. */
function stream(key: Buffer, seqno: number, counter: number) {
  const iv = Buffer.alloc(16);
  iv.writeUInt32LE(counter, 0);
  iv.writeUInt32BE(seqno, 12);
  return createCipheriv('chacha20', key, iv);
}

function packetOf(size: number): Buffer {
  const packet = randomBytes(LENGTH + size);
  packet.writeUInt32BE(size, 0);
  return packet;
}

function sealed(cipher: ChaChaPolyCipher, seqno: number, packet: Buffer): Buffer {
  const bytes = Buffer.concat([packet, Buffer.alloc(TAG_LENGTH)]);
  cipher.encrypt(bytes, seqno);
  return bytes;
}

/** Throws on a wrong tag, as ssh2 expects. */
function opened(decipher: ChaChaPolyDecipher, seqno: number, bytes: Buffer): Buffer {
  const length = decipher.decryptLen(bytes.subarray(0, LENGTH), seqno);
  const packet = Buffer.from(bytes.subarray(LENGTH, bytes.length - TAG_LENGTH));
  decipher.decrypt(packet, bytes.subarray(bytes.length - TAG_LENGTH), seqno);
  expect(length).toBe(packet.length);
  return packet;
}

describe('chacha20-poly1305@openssh.com on our WASM', () => {
  const key = randomBytes(64);
  const cipher = new ChaChaPolyCipher(key);
  const decipher = new ChaChaPolyDecipher(key);

  it.each([8, 16, 24, 48, 56, 64, 120, 184, 192, 200, 248, 256, 264, 1000, 4096, 32_768, 34_984])(
    'seals %i bytes as OpenSSH does, and opens them',
    (size) => {
      for (const seqno of [0, 1, 0xff, 0x01020304, 0x80000000, 0xffffffff]) {
        const packet = packetOf(size);
        const bytes = sealed(cipher, seqno, packet);
        expect(bytes.equals(sealPlainly(key, seqno, packet))).toBe(true);
        expect(opened(decipher, seqno, bytes).equals(packet.subarray(LENGTH))).toBe(true);
      }
    },
  );

  it('opens nothing that was changed: length, text, tag or number', () => {
    const bytes = sealed(cipher, 7, packetOf(64));
    for (let at = 0; at < bytes.length; at++) {
      const forged = Buffer.from(bytes);
      forged[at]! ^= 0x10;
      expect(() => opened(decipher, 7, forged), `byte ${at}`).toThrow('Invalid MAC');
    }
    expect(() => opened(decipher, 8, bytes)).toThrow('Invalid MAC');
    expect(() => opened(decipher, 7, bytes)).not.toThrow();
  });

  it('leaves the packet as it was when the tag is wrong', () => {
    const bytes = sealed(cipher, 9, packetOf(64));
    decipher.decryptLen(bytes, 9);
    const packet = Buffer.from(bytes.subarray(LENGTH, bytes.length - TAG_LENGTH));
    const before = Buffer.from(packet);
    expect(() => decipher.decrypt(packet, Buffer.alloc(TAG_LENGTH), 9)).toThrow('Invalid MAC');
    expect(packet.equals(before)).toBe(true);
  });

  it('leaves nothing of the text in the memory, and nothing of a key that was freed', () => {
    const secret = randomBytes(64);
    const own = new ChaChaPolyCipher(secret);
    const packet = packetOf(512);
    sealed(own, 3, packet);
    const memory = Buffer.from(assembly.memory.buffer);
    expect(memory.includes(packet.subarray(LENGTH, LENGTH + 32))).toBe(false);
    expect(memory.includes(secret.subarray(0, 32))).toBe(true);
    own.free();
    own.free();
    expect(memory.includes(secret.subarray(0, 32))).toBe(false);
    expect(memory.includes(secret.subarray(32))).toBe(false);
  });

  it('refuses a packet that is longer than its place', () => {
    expect(() => sealed(cipher, 1, packetOf(1 << 17))).toThrow('Packet too long');
  });
});
