// Takes llhttp's WASM out of undici, where it stands as text: a file of its own loads under a strict CSP, and lazily.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const target = join(dirname(fileURLToPath(import.meta.url)), 'llhttp.wasm');
const source = createRequire(import.meta.url).resolve('undici/lib/llhttp/llhttp-wasm.js');
const [, base64] = /wasmBase64 = '([^']+)'/.exec(readFileSync(source, 'utf8')) ?? [];
if (!base64) throw new Error(`${source} holds no WASM: has undici changed?`);
const wasm = Buffer.from(base64, 'base64');
if (!WebAssembly.validate(wasm)) throw new Error(`${source} holds something that is no WASM`);
if (!existsSync(target) || !readFileSync(target).equals(wasm)) writeFileSync(target, wasm);
