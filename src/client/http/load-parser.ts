import { TunnelError } from '../../core/errors.ts';
import type { EngineAssets } from '../engine-client.ts';

/** Fetches the HTTP parser of a page; throws ERR_WORKER if the file does not arrive. */
export async function loadHttpParser({ httpParser }: EngineAssets = {}): Promise<WebAssembly.Module> {
  const url = httpParser ?? new URL('../../../assembly/llhttp.wasm', import.meta.url);
  try {
    const response = await fetch(url);
    if (response.ok) return await WebAssembly.compile(await response.arrayBuffer());
    throw new Error(`the web server answered ${response.status}`);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TunnelError('ERR_WORKER', `The HTTP parser could not be loaded: ${why}.`, {
      retryable: true,
      cause,
    });
  }
}
