import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { tabwire } from '../../src/esbuild/index.ts';

const root = join(import.meta.dirname, '../..');

/** The same page as Vite makes of it, by esbuild. The worker and the WASM lie where the sources look for them, from the root. */
export async function buildWithEsbuild(outdir: string): Promise<void> {
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
    plugins: [tabwire()],
  });
  mkdirSync(join(outdir, 'assembly'), { recursive: true });
  copyFileSync(join(root, 'assembly/tabwire.wasm'), join(outdir, 'assembly/tabwire.wasm'));
  const html = readFileSync(join(import.meta.dirname, 'index.html'), 'utf8');
  writeFileSync(join(outdir, 'index.html'), html.replace('./page.ts', './page.js'));
}
