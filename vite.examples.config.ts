import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig, type Plugin } from 'vite';
import { tabwire } from './src/vite/index.ts';

const root = import.meta.dirname;
const folder = join(root, 'web/examples');

/** Puts each page's program into the page, where it says `<!-- program -->`. */
const programs: Plugin = {
  name: 'programs',
  transformIndexHtml(html, { filename }) {
    if (!html.includes('<!-- program -->')) return html;
    const text = readFileSync(filename.replace(/html$/, 'ts'), 'utf8').trimEnd();
    return html.replace('<!-- program -->', () => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;'));
  },
};

/** The examples, as an application that imports `tabwire`: beside the console, where `npm start` serves them. */
export default defineConfig({
  root: folder,
  base: './',
  resolve: {
    alias: [
      { find: /^tabwire$/, replacement: join(root, 'src/index.ts') },
      { find: /^tabwire\/(shims\/.*)$/, replacement: join(root, 'src/$1.ts') },
    ],
  },
  plugins: [programs, tabwire()],
  build: {
    outDir: join(root, 'dist/console/examples'),
    emptyOutDir: true,
    target: ['chrome123', 'firefox121', 'safari17.5'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: readdirSync(folder)
        .filter((name) => name.endsWith('.html'))
        .map((name) => join(folder, name)),
    },
  },
  worker: { format: 'es' },
});
