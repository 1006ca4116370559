import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { WasmSuite } from '../../src/core/crypto/wasm-suite.ts';
import { loadAssembly } from '../../src/worker/assembly.ts';

const wasm = await readFile(new URL('../../assembly/tabwire.wasm', import.meta.url));
const server = createServer((request, response) => {
  if (request.url === '/missing') response.writeHead(404).end();
  else
    response
      .setHeader('content-type', request.url === '/plain' ? 'text/plain' : 'application/wasm')
      .end(wasm);
});
await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
afterAll(() => server.close());
afterEach(() => vi.restoreAllMocks());

describe('loading the module in the worker', () => {
  it.each(['/tabwire.wasm', '/plain'])('works from %s, whatever type the server says', async (path) => {
    const suite = new WasmSuite(await loadAssembly(new URL(path, base)));
    expect(suite.hash(new Uint8Array(0))).toHaveLength(32);
  });

  it('gives every engine a memory of its own', async () => {
    const [first, second] = await Promise.all([loadAssembly(`${base}/a`), loadAssembly(`${base}/a`)]);
    expect(first.memory.buffer).not.toBe(second.memory.buffer);
  });

  it('says so when the file is missing', async () => {
    await expect(loadAssembly(`${base}/missing`)).rejects.toMatchObject({
      code: 'ERR_WORKER',
      retryable: false,
      message: expect.stringContaining('404') as string,
    });
  });

  it('says so when nobody answers, which may pass', async () => {
    await expect(loadAssembly('http://127.0.0.1:1/')).rejects.toMatchObject({
      code: 'ERR_WORKER',
      retryable: true,
    });
  });

  it('says that a browser without SIMD is too old, before it downloads anything', async () => {
    vi.spyOn(WebAssembly, 'validate').mockReturnValue(false);
    const fetched = vi.spyOn(globalThis, 'fetch');
    await expect(loadAssembly(`${base}/a`)).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' });
    expect(fetched).not.toHaveBeenCalled();
  });
});
