// Those who race in the suite aead wherever there is JavaScript. Each has the API that it documents.
import { ChaCha20Poly1305, newInstance } from '@chainsafe/as-chacha20poly1305';
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { type AssemblyExports, WasmSuite } from '../../../src/core/crypto/wasm-suite.ts';
import { PacketBuffer } from '../../../src/core/packet-buffer.ts';
import type { MaybePromise, Work } from '../race.ts';

/** Seals `plaintext`, opens the result; and the same, many times. */
export interface Cipher {
  seal(): MaybePromise<Uint8Array>;
  open(): MaybePromise<Uint8Array>;
  sealTimes: Work;
  openTimes: Work;
}

export interface Question {
  readonly key: Uint8Array;
  /** Four zeros, and the same byte eight times. */
  readonly nonce: Uint8Array;
  readonly plaintext: Uint8Array;
  readonly sealed: Uint8Array;
}

/** As the engine has it: the packet lies in the module's memory. Opening includes a copy to where it is opened. */
export function tabwireCipher(
  assembly: AssemblyExports,
  { key, nonce, plaintext, sealed }: Question,
): Cipher {
  const suite = new WasmSuite(assembly);
  const { slots } = suite.memory;
  const imported = suite.importKey(key)!;
  const counterHalf = new DataView(nonce.buffer).getUint32(4, true);
  const packet = new PacketBuffer(suite.memory, { start: slots.start, end: slots.start + 32_768 });
  const result = (): Uint8Array => packet.memory.slice(packet.start, packet.end);
  return {
    seal: () => {
      packet.copyFrom(plaintext);
      suite.seal(imported, counterHalf, counterHalf, packet);
      return result();
    },
    open: () => {
      packet.copyFrom(sealed);
      return suite.open(imported, counterHalf, counterHalf, packet) ? result() : new Uint8Array(0);
    },
    sealTimes: (times) => {
      for (let i = 0; i < times; i++) {
        packet.reset(0);
        packet.append(plaintext.length);
        suite.seal(imported, i, 0, packet);
      }
    },
    openTimes: (times) => {
      for (let i = 0; i < times; i++) {
        packet.copyFrom(sealed);
        if (!suite.open(imported, counterHalf, counterHalf, packet)) throw new Error('does not open');
      }
    },
  };
}

export function nobleCipher({ key, nonce, plaintext, sealed }: Question): Cipher {
  const seal = (): Uint8Array => chacha20poly1305(key, nonce).encrypt(plaintext);
  const open = (): Uint8Array => chacha20poly1305(key, nonce).decrypt(sealed);
  return { seal, open, sealTimes: repeat(seal), openTimes: repeat(open) };
}

export function asChachaCipher({ key, nonce, plaintext, sealed }: Question): Cipher {
  const cipher = new ChaCha20Poly1305(newInstance());
  const seal = (): Uint8Array => cipher.seal(key, nonce, plaintext);
  const open = (): Uint8Array => cipher.open(key, nonce, sealed) ?? new Uint8Array(0);
  return { seal, open, sealTimes: repeat(seal), openTimes: repeat(open) };
}

/** So many at a time: it works in threads of its own. */
const IN_FLIGHT = 32;

/** Undefined where there is none. */
export async function webCryptoCipher({
  key,
  nonce,
  plaintext,
  sealed,
}: Question): Promise<Cipher | undefined> {
  const name = 'ChaCha20-Poly1305';
  const { subtle } = globalThis.crypto;
  const imported = await subtle
    .importKey('raw-secret' as 'raw', key as Uint8Array<ArrayBuffer>, { name }, false, ['encrypt', 'decrypt'])
    .catch(() => undefined);
  if (!imported) return undefined;
  const how = { name, iv: nonce };
  const seal = async (): Promise<Uint8Array> =>
    new Uint8Array(await subtle.encrypt(how, imported, plaintext as Uint8Array<ArrayBuffer>));
  const open = async (): Promise<Uint8Array> =>
    new Uint8Array(await subtle.decrypt(how, imported, sealed as Uint8Array<ArrayBuffer>));
  return { seal, open, sealTimes: together(seal), openTimes: together(open) };
}

export function repeat(work: () => unknown): Work {
  return (times) => {
    for (let i = 0; i < times; i++) work();
  };
}

function together(work: () => Promise<unknown>): Work {
  return async (times) => {
    for (let done = 0; done < times; done += IN_FLIGHT)
      await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, times - done) }, work));
  };
}
