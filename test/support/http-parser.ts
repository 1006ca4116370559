import { readFile } from 'node:fs/promises';

let module: Promise<WebAssembly.Module> | undefined;

/** The HTTP parser, compiled once. */
export function loadHttpParser(): Promise<WebAssembly.Module> {
  module ??= readFile('assembly/llhttp.wasm').then((bytes) => WebAssembly.compile(bytes));
  return module;
}
