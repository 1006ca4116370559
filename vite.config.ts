import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { defineConfig, type Plugin } from 'vite';

/**
 * The console and nothing else: web/ → dist/console, hostable under any path (`base: './'`). Everything is a file of
 * its own (no inlined script, style, data URL or wasm), so that it runs under the strict Content-Security-Policy.
 */
export default defineConfig({
  root: 'web',
  base: './',
  build: {
    outDir: '../dist/console',
    emptyOutDir: true,
    target: ['chrome123', 'firefox121', 'safari17.5'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  worker: { format: 'es', plugins: () => [qrEngine()] },
});

/** `virtual:qr-engine`: the code that qr-scanner hides in a string in order to start it from a blob. */
function qrEngine(): Plugin {
  const name = 'virtual:qr-engine';
  return {
    name: 'qr-engine',
    resolveId: (id) => (id === name ? `\0${name}` : undefined),
    load: (id) => (id === `\0${name}` ? qrEngineCode() : undefined),
  };
}

function qrEngineCode(): string {
  const file = createRequire(import.meta.url).resolve('qr-scanner/qr-scanner-worker.min.js');
  const [, literal] = /new Blob\(\[`(.*)`\]/s.exec(readFileSync(file, 'utf8')) ?? [];
  if (literal === undefined) throw new Error('qr-scanner keeps its engine elsewhere now.');
  return literal.replace(/\\([`$\\])/g, '$1');
}
