import { defineConfig } from 'vite';

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
  worker: { format: 'es' },
});
