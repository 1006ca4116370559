import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';

const root = join(import.meta.dirname, '../..');

/** A page by esbuild: `page.js`, and the product's worker and WASM where its sources look for them, from the root. */
export async function buildPage(
  outdir: string,
  { page, html, plugins }: { page: string; html: string; plugins: Plugin[] },
): Promise<void> {
  rmSync(outdir, { recursive: true, force: true });
  await build({
    entryPoints: { page, 'worker/worker': join(root, 'src/worker/worker.ts') },
    outdir,
    bundle: true,
    splitting: true,
    format: 'esm',
    target: 'es2022',
    logLevel: 'warning',
    plugins,
  });
  mkdirSync(join(outdir, 'assembly'), { recursive: true });
  copyFileSync(join(root, 'assembly/tabwire.wasm'), join(outdir, 'assembly/tabwire.wasm'));
  writeFileSync(join(outdir, 'index.html'), html);
}
