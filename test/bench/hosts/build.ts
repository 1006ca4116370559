import { join } from 'node:path';
import { build } from 'vite';
import { run } from '../../support/child-process.ts';

const root = join(import.meta.dirname, '../../..');

/** Makes what hosts run: the WASM, the page, and Node's programs in one file each. */
export async function buildHosts(): Promise<void> {
  await run('npm', ['run', '--silent', 'build:wasm'], { cwd: root });
  await build({ configFile: join(import.meta.dirname, 'page/vite.config.ts'), logLevel: 'warn' });
  for (const name of ['node-child', 'relay-child'])
    await bundle(join(import.meta.dirname, `${name}.ts`), `${name}.mjs`);
}

/** One script of a program and all it needs but ws, in dist/bench. */
export async function bundle(program: string, name: string): Promise<string> {
  const outDir = join(root, 'dist/bench');
  await build({
    configFile: false,
    logLevel: 'warn',
    // ws looks for its machine code beside itself, as it does for who installed us.
    ssr: { noExternal: true, external: ['ws'] },
    build: {
      ssr: program,
      outDir,
      emptyOutDir: false,
      minify: false,
      rollupOptions: { output: { entryFileNames: name, codeSplitting: false } },
    },
  });
  return join(outDir, name);
}
