import { join } from 'node:path';
import { defineConfig } from 'vite';
import { tabwire } from '../../src/vite/index.ts';

// Built as an application that runs packages of Node's over Tabwire would be.
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  plugins: [tabwire()],
  build: {
    outDir: join(import.meta.dirname, '../../dist/node-page'),
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
  worker: { format: 'es', plugins: () => [tabwire()] },
});
