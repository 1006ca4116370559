// Takes llhttp's WASM out of undici, where Node's own project builds it, and writes it as a module that a page can import
// when it first fetches: no file to be found at run time, no Buffer, nothing for who never fetches.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const target = fileURLToPath(new URL('../src/client/http/llhttp-wasm.js', import.meta.url));

const wasm = require('undici/lib/llhttp/llhttp-wasm.js');
const { version } = require('undici/package.json');
const permission = readFileSync(require.resolve('undici/LICENSE'), 'utf8')
  .split('\n')
  .slice(4)
  .join('\n')
  .trim();

const text = `/*
llhttp (https://github.com/nodejs/llhttp), as undici ${version} builds it.

The MIT License. Copyright Fedor Indutny, 2018. Copyright (c) Matteo Collina and Undici contributors.

${permission}
*/
/** Base64. */
export const wasm = '${wasm.toString('base64')}';
`;
if (!existsSync(target) || readFileSync(target, 'utf8') !== text) writeFileSync(target, text);
