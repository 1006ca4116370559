// Builds the pages under test, once per state of their sources.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from 'vite';
import { run } from './child-process.ts';

const root = join(import.meta.dirname, '../..');

interface Bundle {
  output: string;
  config: string;
  sources: string[];
}

const COMMON = ['src', 'assembly', 'package-lock.json', 'tsconfig.base.json'];

export const CONSOLE: Bundle = {
  output: join(root, 'dist/console'),
  config: join(root, 'vite.config.ts'),
  sources: [...COMMON, 'web', 'vite.config.ts'],
};
export const HARNESS: Bundle = {
  output: join(root, 'dist/harness'),
  config: join(root, 'test/harness/vite.config.ts'),
  sources: [...COMMON, 'test/harness'],
};

/** The WASM (which caches by itself), then each bundle whose sources changed. */
export async function buildPages(): Promise<void> {
  await run('npm', ['run', '--silent', 'build:wasm'], { cwd: root });
  for (const bundle of [HARNESS, CONSOLE]) {
    if (isFresh(bundle)) continue;
    await build({ configFile: bundle.config, logLevel: 'warn' });
    markFresh(bundle);
  }
}

/** Notes that `bundle` was just built from the sources as they are. */
export function markFresh(bundle: Bundle): void {
  mkdirSync(dirname(stamp(bundle)), { recursive: true });
  writeFileSync(stamp(bundle), fingerprint(bundle));
}

function isFresh(bundle: Bundle): boolean {
  return (
    existsSync(join(bundle.output, 'index.html')) &&
    existsSync(stamp(bundle)) &&
    readFileSync(stamp(bundle), 'utf8') === fingerprint(bundle)
  );
}

function stamp(bundle: Bundle): string {
  return join(root, 'node_modules/.cache/tabwire', bundle.output.replaceAll('/', '_'));
}

function fingerprint(bundle: Bundle): string {
  const hash = createHash('sha256');
  for (const source of bundle.sources) {
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
