import { join } from 'node:path';
import { defineConfig } from 'vite';

// As an application that imports Tabwire would be built.
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  build: {
    outDir: join(import.meta.dirname, '../../../../dist/bench/page'),
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rolldownOptions: {
      input: ['index.html', 'start.html', 'floor.html'].map((name) => join(import.meta.dirname, name)),
    },
  },
  worker: { format: 'es' },
});
