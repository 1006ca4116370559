import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';

const root = join(import.meta.dirname, '../../../..');

/** What the tables import, and what that is in a page. */
const standIns: Plugin = {
  name: 'stand-ins',
  setup(bundle) {
    const here = (name: string) => () => ({ path: join(import.meta.dirname, name) });
    bundle.onResolve({ filter: /^vitest$/ }, here('vitest.ts'));
    bundle.onResolve({ filter: /^\.\/ground\.ts$/ }, here('ground.ts'));
  },
};

/** The page with the tables, and the product's worker and WASM where its sources look for them. */
export async function buildTables(outdir: string): Promise<void> {
  rmSync(outdir, { recursive: true, force: true });
  await build({
    entryPoints: {
      page: join(import.meta.dirname, 'page.ts'),
      'worker/worker': join(root, 'src/worker/worker.ts'),
    },
    outdir,
    bundle: true,
    splitting: true,
    format: 'esm',
    target: 'es2022',
    logLevel: 'warning',
    plugins: [standIns],
  });
  mkdirSync(join(outdir, 'assembly'));
  copyFileSync(join(root, 'assembly/tabwire.wasm'), join(outdir, 'assembly/tabwire.wasm'));
  writeFileSync(
    join(outdir, 'index.html'),
    '<!doctype html><link rel="icon" href="data:," /><script type="module" src="./page.js"></script>',
  );
}
