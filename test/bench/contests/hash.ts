// BLAKE2s-256 of an initiation's length and of a packet's.
import { blake2s } from '@noble/hashes/blake2.js';
import { createBLAKE2s } from 'hash-wasm';
import { WasmSuite } from '../../../src/core/crypto/wasm-suite.ts';
import type { Runtime } from '../hosts/runtime.ts';
import type { Contender } from '../race.ts';
import type { Contests } from './catalog.ts';
import { repeat } from './ciphers.ts';

const SIZES = [64, 148, 1420];

export async function hash(runtime: Runtime): Promise<Contests> {
  const suite = new WasmSuite(await runtime.loadAssembly());
  const hasher = await createBLAKE2s(256);
  const contests: Contests = {};
  for (const size of SIZES) {
    const message = new Uint8Array(size).map((_, i) => i * 5);
    contests[`BLAKE2s ${size} B`] = () => ({
      unit: 'op/s',
      amount: 1,
      contenders: {
        tabwire: contenderOf(() => suite.hash(message)),
        'hash-wasm': contenderOf(() => hasher.init().update(message).digest('binary')),
        noble: contenderOf(() => blake2s(message)),
        ...runtime.hashers(message),
      },
    });
  }
  return contests;
}

function contenderOf(answer: () => Uint8Array): Contender {
  return { answer, run: repeat(answer) };
}
