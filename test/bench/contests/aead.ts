// ChaCha20-Poly1305 of one packet after the other.
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import type { Runtime } from '../hosts/runtime.ts';
import type { Contest } from '../race.ts';
import type { Contests } from './catalog.ts';
import { asChachaCipher, type Cipher, nobleCipher, tabwireCipher, webCryptoCipher } from './ciphers.ts';
import { loadSodium, rawSodiumCipher, sodiumCipher } from './sodium.ts';

export const SIZES = [64, 256, 1420, 16384];

const KEY = new Uint8Array(32).map((_, i) => i);
const NONCE = new Uint8Array(12).fill(0, 0, 4).fill(9, 4);

export async function aead(runtime: Runtime): Promise<Contests> {
  const assembly = await runtime.loadAssembly();
  const sodium = await loadSodium();
  const contests: Contests = {};
  for (const size of SIZES) {
    const plaintext = new Uint8Array(size).map((_, i) => i * 7);
    const sealed = chacha20poly1305(KEY, NONCE).encrypt(plaintext);
    const question = { key: KEY, nonce: NONCE, plaintext, sealed };
    const webCrypto = await webCryptoCipher(question);
    const ciphers = (): Record<string, Cipher> => ({
      tabwire: tabwireCipher(assembly, question),
      'libsodium raw': rawSodiumCipher(sodium, question),
      'libsodium-wrappers': sodiumCipher(sodium, question),
      noble: nobleCipher(question),
      'as-chacha': asChachaCipher(question),
      ...(webCrypto && { WebCrypto: webCrypto }),
      ...runtime.ciphers(question),
    });
    for (const verb of ['seal', 'open'] as const)
      contests[`${verb} ${size} B`] = () => contestOf(ciphers(), verb, size);
  }
  return contests;
}

function contestOf(ciphers: Record<string, Cipher>, verb: 'seal' | 'open', size: number): Contest {
  const contenders = Object.entries(ciphers).map(([name, cipher]) => {
    const run = verb === 'seal' ? cipher.sealTimes : cipher.openTimes;
    return [name, { answer: cipher[verb], run }] as const;
  });
  return { unit: 'MB/s', amount: size / 1e6, contenders: Object.fromEntries(contenders) };
}
