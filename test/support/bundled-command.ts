// `tabwire` in few files, for tests that start it again and again: its sources take a third of a second to begin.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '../..');

export interface BundledCommand {
  /** What Node runs. */
  readonly main: string;
  remove(): void;
}

/** Beside the sources, where its packages are found. What it reads from files beside them (WASM, the console) is not there. */
export async function bundleCommand(): Promise<BundledCommand> {
  const cache = join(root, 'node_modules/.cache');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'tabwire-command-'));
  await build({
    entryPoints: [join(root, 'src/cli/main.ts')],
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20',
    logLevel: 'error',
  });
  return { main: join(folder, 'main.mjs'), remove: () => rmSync(folder, { recursive: true }) };
}
