import { join } from 'node:path';
import type { Plugin } from 'esbuild';
import { buildPage } from '../../../support/esbuild-page.ts';

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
export function buildTables(outdir: string): Promise<void> {
  return buildPage(outdir, {
    page: join(import.meta.dirname, 'page.ts'),
    html: '<!doctype html><link rel="icon" href="data:," /><script type="module" src="./page.js"></script>',
    plugin: standIns,
  });
}
