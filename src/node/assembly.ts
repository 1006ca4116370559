import { readFile } from 'node:fs/promises';
import type { AssemblyExports } from '../core/crypto/wasm-suite.ts';

/** A fresh instance of the WASM module, with its own memory. */
export async function loadAssembly(): Promise<AssemblyExports> {
  const bytes = await readFile(new URL('../../assembly/tabwire.wasm', import.meta.url));
  const { instance } = await WebAssembly.instantiate(bytes);
  return instance.exports as unknown as AssemblyExports;
}
