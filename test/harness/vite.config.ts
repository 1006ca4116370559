import { join } from 'node:path';
import { defineConfig } from 'vite';

// Built as an application that imports Tabwire would be: nothing here but a place to put the result.
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  build: {
    outDir: join(import.meta.dirname, '../../dist/harness'),
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
  worker: { format: 'es' },
});
