// Builds dist/browser/: the package in few files, for pages without a bundler. tabwire.js is what `import` gives, the worker
// and the WASM lie beside it; what is loaded on demand is in the chunks. shims/ are Node's modules, for an import map to lead to.
// Runs in a browser as it is, nothing is left to resolve.
import { copyFileSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { STAND_INS, standInFile } from './src/bundling/stand-ins.ts';
import { tabwire } from './src/esbuild/index.ts';

const root = import.meta.dirname;
const outdir = join(root, 'dist/browser');

/** In the sources these files lie elsewhere than in the bundle: where each is named, and what it is called there. */
const places = [
  ['src/client/worker-engine.ts', '../worker/worker.js', './tabwire-worker.js'],
  ['src/worker/worker.ts', '../../assembly/tabwire.wasm', './tabwire.wasm'],
];

rmSync(outdir, { recursive: true, force: true });
const shims = new Set([...Object.values(STAND_INS), 'globals']);
for (const [entryPoints, plugins] of [
  [{ tabwire: join(root, 'src/index.ts') }, []],
  [{ 'tabwire-worker': join(root, 'src/worker/worker.ts') }, []],
  [Object.fromEntries([...shims].map((name) => [`shims/${name}`, standInFile(name)])), [tabwire()]],
])
  await build({
    entryPoints,
    outdir,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'browser',
    target: ['chrome123', 'firefox121', 'safari17.5'],
    minify: true,
    sourcemap: true,
    chunkNames: '[name]-[hash]',
    logLevel: 'warning',
    plugins: [{ name: 'places', setup: move }, ...plugins],
  });
copyFileSync(join(root, 'assembly/tabwire.wasm'), join(outdir, 'tabwire.wasm'));

function move(bundle) {
  for (const [file, from, to] of places) {
    const filter = new RegExp(`[\\\\/]${file.replaceAll('/', '[\\\\/]')}$`);
    bundle.onLoad({ filter }, ({ path }) => {
      const text = readFileSync(path, 'utf8');
      if (text.split(`'${from}'`).length !== 2) throw new Error(`${file} does not name '${from}' once.`);
      return { contents: text.replace(`'${from}'`, `'${to}'`), loader: 'ts' };
    });
  }
}
