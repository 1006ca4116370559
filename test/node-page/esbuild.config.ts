import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tabwire } from '../../src/esbuild/index.ts';
import { buildPage } from '../support/esbuild-page.ts';

/** The same page as Vite makes of it, by esbuild. */
export function buildWithEsbuild(outdir: string): Promise<void> {
  const html = readFileSync(join(import.meta.dirname, 'index.html'), 'utf8');
  return buildPage(outdir, {
    page: join(import.meta.dirname, 'page.ts'),
    html: html.replace('./page.ts', './page.js'),
    plugins: [tabwire()],
  });
}
