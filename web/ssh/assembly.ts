import { type ChachaExports, useAssembly } from './crypto/chacha.ts';

let loading: Promise<void> | undefined;

/** Fetches Tabwire's WASM for the ciphers of SSH: an instance of this page's own, in which no key of the tunnel is. */
export function loadCiphers(): Promise<void> {
  loading ??= load().catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

async function load(): Promise<void> {
  const response = await fetch(new URL('../../assembly/tabwire.wasm', import.meta.url));
  if (!response.ok) throw new Error(`The encryption module did not load (${response.status}).`);
  const { instance } = await WebAssembly.instantiate(await response.arrayBuffer());
  useAssembly(instance.exports as unknown as ChachaExports);
}
