// ChaCha20-Poly1305 of one packet after the other: ours in the engine's memory, @noble/ciphers, and OpenSSL through
// node:crypto.
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { WasmSuite } from '../../src/core/crypto/wasm-suite.ts';
import { PacketBuffer } from '../../src/core/packet-buffer.ts';
import { loadAssembly } from '../../src/node/assembly.ts';
import { type Contender, printTable, race } from './race.ts';

const SIZES = [64, 256, 1420, 16384];
const KEY = new Uint8Array(32).map((_, i) => i);
const NONCE = new Uint8Array(12).fill(0, 0, 4).fill(9, 4);
const COUNTER_HALF = 0x09090909;

/** Seals `plaintext`, opens the result; and the same, many times. */
interface Cipher {
  seal(): Uint8Array;
  open(): Uint8Array;
  sealTimes: Contender;
  openTimes: Contender;
}

export async function aead(): Promise<void> {
  const suite = new WasmSuite(await loadAssembly());
  const rows: string[][] = [];
  for (const size of SIZES) {
    const plaintext = new Uint8Array(size).map((_, i) => i * 7);
    const sealed = chacha20poly1305(KEY, NONCE).encrypt(plaintext);
    const ciphers = {
      tabwire: tabwire(suite, plaintext, sealed),
      noble: noble(plaintext, sealed),
      'node:crypto': openssl(plaintext, sealed),
    };
    for (const [name, cipher] of Object.entries(ciphers)) {
      if (!Buffer.from(sealed).equals(cipher.seal()) || !Buffer.from(plaintext).equals(cipher.open()))
        throw new Error(`${name} disagrees at ${size} bytes`);
    }
    for (const verb of ['seal', 'open'] as const) {
      const rates = race(
        Object.fromEntries(
          Object.entries(ciphers).map(([name, cipher]) => [
            name,
            verb === 'seal' ? cipher.sealTimes : cipher.openTimes,
          ]),
        ),
      );
      const megabytes = Object.values(rates).map((rate) => Math.round((rate * size) / 1e6).toString());
      rows.push([`${verb} ${size} B`, ...megabytes, (1e6 / rates.tabwire!).toFixed(2)]);
    }
  }
  const header = ['', 'tabwire', 'noble', 'node:crypto', 'tabwire µs'];
  printTable('ChaCha20-Poly1305, MB/s (opening includes a copy to where it is opened)', header, rows);
}

function tabwire(suite: WasmSuite, plaintext: Uint8Array, sealed: Uint8Array): Cipher {
  const { slots } = suite.memory;
  const key = suite.importKey(KEY)!;
  const packet = new PacketBuffer(suite.memory, { start: slots.start, end: slots.start + 32768 });
  const result = () => packet.memory.slice(packet.start, packet.end);
  return {
    seal: () => {
      packet.copyFrom(plaintext);
      suite.seal(key, COUNTER_HALF, COUNTER_HALF, packet);
      return result();
    },
    open: () => {
      packet.copyFrom(sealed);
      return suite.open(key, COUNTER_HALF, COUNTER_HALF, packet) ? result() : new Uint8Array(0);
    },
    sealTimes: (times) => {
      for (let i = 0; i < times; i++) {
        packet.reset(0);
        packet.append(plaintext.length);
        suite.seal(key, i, 0, packet);
      }
    },
    openTimes: (times) => {
      for (let i = 0; i < times; i++) {
        packet.copyFrom(sealed);
        if (!suite.open(key, COUNTER_HALF, COUNTER_HALF, packet)) throw new Error('does not open');
      }
    },
  };
}

function noble(plaintext: Uint8Array, sealed: Uint8Array): Cipher {
  const seal = () => chacha20poly1305(KEY, NONCE).encrypt(plaintext);
  const open = () => chacha20poly1305(KEY, NONCE).decrypt(sealed);
  return { seal, open, sealTimes: repeat(seal), openTimes: repeat(open) };
}

function openssl(plaintext: Uint8Array, sealed: Uint8Array): Cipher {
  const options = { authTagLength: 16 };
  const text = sealed.subarray(0, -16);
  const tag = sealed.subarray(-16);
  const seal = () => {
    const cipher = createCipheriv('chacha20-poly1305', KEY, NONCE, options);
    const body = cipher.update(plaintext);
    cipher.final();
    return Buffer.concat([body, cipher.getAuthTag()]);
  };
  const open = () => {
    const cipher = createDecipheriv('chacha20-poly1305', KEY, NONCE, options);
    cipher.setAuthTag(tag);
    const body = cipher.update(text);
    cipher.final();
    return body;
  };
  return { seal, open, sealTimes: repeat(seal), openTimes: repeat(open) };
}

function repeat(work: () => unknown): Contender {
  return (times) => {
    for (let i = 0; i < times; i++) work();
  };
}
