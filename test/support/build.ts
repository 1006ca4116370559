// Builds what the browser tests run, once per state of its sources.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from 'vite';
import { buildWithEsbuild } from '../node-page/esbuild.config.ts';
import { run } from './child-process.ts';

const root = join(import.meta.dirname, '../..');

interface Product {
  /** A file of the result. */
  result: string;
  sources: string[];
  build(): Promise<unknown>;
}

const COMMON = ['src', 'assembly', 'package.json', 'package-lock.json', 'tsconfig.base.json'];

const HARNESS: Product = {
  result: 'dist/harness/index.html',
  sources: [...COMMON, 'test/harness'],
  build: () => build({ configFile: join(root, 'test/harness/vite.config.ts'), logLevel: 'warn' }),
};
const NODE_PAGE: Product = {
  result: 'dist/node-page/index.html',
  sources: [...COMMON, 'test/node-page'],
  build: () => build({ configFile: join(root, 'test/node-page/vite.config.ts'), logLevel: 'error' }),
};
const NODE_PAGE_OF_ESBUILD: Product = {
  result: 'dist/node-page-esbuild/index.html',
  sources: [...NODE_PAGE.sources, 'test/support/esbuild-page.ts'],
  build: () => buildWithEsbuild(join(root, 'dist/node-page-esbuild')),
};
const CONSOLE: Product = {
  result: 'dist/console/index.html',
  sources: [...COMMON, 'web', 'vite.config.ts', 'vite.examples.config.ts'],
  async build() {
    await build({ configFile: join(root, 'vite.config.ts'), logLevel: 'warn' });
    await build({ configFile: join(root, 'vite.examples.config.ts'), logLevel: 'warn' });
  },
};
const PACKAGE: Product = {
  result: 'dist/browser/tabwire.js',
  sources: [...COMMON, 'browser-bundle.mjs'],
  build: () => run('npm', ['run', '--silent', 'build:browser'], { cwd: root }),
};
const PROGRAM: Product = {
  result: 'dist/src/cli/main.js',
  sources: [...COMMON, 'relay', 'tsconfig.json', 'tsconfig.build.json'],
  build: () => run('npm', ['run', '--silent', 'build:node'], { cwd: root }),
};

/** The WASM (which caches by itself), then all whose sources changed: test page, console, bundle, command line. */
export async function buildAll(): Promise<void> {
  await run('npm', ['run', '--silent', 'build:wasm'], { cwd: root });
  for (const product of [HARNESS, NODE_PAGE, NODE_PAGE_OF_ESBUILD, CONSOLE, PACKAGE, PROGRAM]) {
    if (isFresh(product)) continue;
    await product.build();
    markFresh(product);
  }
}

/** Notes that `npm run build` just ran. */
export function markBuilt(): void {
  for (const product of [CONSOLE, PACKAGE, PROGRAM]) markFresh(product);
}

function isFresh(product: Product): boolean {
  const [result, note] = [join(root, product.result), stamp(product)];
  return existsSync(result) && existsSync(note) && readFileSync(note, 'utf8') === fingerprint(product);
}

function markFresh(product: Product): void {
  mkdirSync(dirname(stamp(product)), { recursive: true });
  writeFileSync(stamp(product), fingerprint(product));
}

function stamp(product: Product): string {
  return join(root, 'node_modules/.cache/tabwire', product.result.replaceAll('/', '_'));
}

function fingerprint(product: Product): string {
  const hash = createHash('sha256');
  for (const source of product.sources) {
    const path = join(root, source);
    for (const file of existsSync(path) ? filesUnder(path) : [])
      hash.update(file).update('\0').update(readFileSync(file)).update('\0');
  }
  return hash.digest('hex');
}

function filesUnder(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.name !== '.cache')
    .flatMap((entry) => filesUnder(join(path, entry.name)))
    .sort();
}
