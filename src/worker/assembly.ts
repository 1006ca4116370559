import type { AssemblyExports } from '../core/crypto/wasm-suite.ts';
import { TunnelError } from '../core/errors.ts';

/**
 * Fetches the WASM module and makes a fresh instance with its own memory. Throws TunnelError: ERR_UNSUPPORTED in a
 * browser without WebAssembly SIMD, ERR_WORKER if the file does not arrive.
 */
export async function loadAssembly(url: URL | string): Promise<AssemblyExports> {
  if (!hasSimd())
    throw new TunnelError(
      'ERR_UNSUPPORTED',
      'This browser is too old: it lacks WebAssembly SIMD (Chrome 91, Firefox 89 and Safari 16.4 have it).',
    );
  const { instance } = await instantiate(await download(url));
  return instance.exports as unknown as AssemblyExports;
}

async function download(url: URL | string): Promise<Response> {
  const failed = 'The encryption module could not be loaded';
  let response: Response;
  try {
    response = await fetch(url);
  } catch (cause) {
    throw new TunnelError('ERR_WORKER', `${failed}: the web server did not answer.`, {
      retryable: true,
      cause,
    });
  }
  if (!response.ok)
    throw new TunnelError('ERR_WORKER', `${failed}: the web server answered ${response.status}.`);
  return response;
}

/** Compiles while downloading, where the server names the type that this needs. */
async function instantiate(response: Response): Promise<WebAssembly.WebAssemblyInstantiatedSource> {
  const type = response.headers.get('content-type')?.split(';')[0]?.trim();
  if (type === 'application/wasm') return WebAssembly.instantiateStreaming(response);
  return WebAssembly.instantiate(await response.arrayBuffer());
}

/** Whether a module with one SIMD instruction is valid: `() -> v128: i8x16.splat(0), i8x16.popcnt`. */
function hasSimd(): boolean {
  return WebAssembly.validate(
    new Uint8Array([
      ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00], // magic, version
      ...[0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7b], // type section
      ...[0x03, 0x02, 0x01, 0x00], // function section
      ...[0x0a, 0x0a, 0x01, 0x08, 0x00, 0x41, 0x00, 0xfd, 0x0f, 0xfd, 0x62, 0x0b], // code section
    ]),
  );
}
