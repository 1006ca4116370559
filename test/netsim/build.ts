// The bench network's programs are C: Node cannot make a TUN device, and its timers are too coarse for a network.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'vite';
import { run } from '../support/child-process.ts';

const PROGRAMS = {
  impair: ['impair.c', 'link.c', 'watcher.c', 'ends.c', 'link.h', 'watcher.h', 'ends.h'],
  traffic: ['traffic.c'],
} as const;

export type Program = keyof typeof PROGRAMS;

const sources = join(import.meta.dirname, 'c');
const products = join(import.meta.dirname, 'build');

const compiling = new Map<Program, Promise<string>>();

/** Where the program is; compiles it if its source has changed, once for all who ask at a time. */
export function compiled(name: Program): Promise<string> {
  const ready = compiling.get(name) ?? compile(name);
  compiling.set(name, ready);
  return ready;
}

async function compile(name: Program): Promise<string> {
  const path = join(products, `${name}-${fingerprint(name)}`);
  if (existsSync(path)) return path;
  mkdirSync(products, { recursive: true });
  const files = PROGRAMS[name].filter((file) => file.endsWith('.c')).map((file) => join(sources, file));
  // Under a name of its own first: several runs may find that it is missing.
  const draft = `${path}.${process.pid}`;
  await run('gcc', ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror', '-o', draft, ...files]);
  renameSync(draft, path);
  return path;
}

/** Changes when the program's source does. */
export function fingerprint(name: Program): string {
  const hash = createHash('sha256');
  for (const file of PROGRAMS[name]) hash.update(readFileSync(join(sources, file)));
  return hash.digest('hex').slice(0, 12);
}

let ourEnd: Promise<string> | undefined;

/**
 * our-end.ts and all it needs as one script, made once by each process that asks: a program that is compiled as it starts
 * takes a second of a processor, from whoever is being measured beside it.
 */
export async function bundledOurEnd(): Promise<string> {
  ourEnd ??= (async () => {
    const name = `our-end-${process.pid}.mjs`;
    await build({
      configFile: false,
      logLevel: 'warn',
      ssr: { noExternal: true },
      build: {
        ssr: join(import.meta.dirname, 'our-end.ts'),
        outDir: products,
        emptyOutDir: false,
        rollupOptions: { output: { entryFileNames: name } },
      },
    });
    process.once('exit', () => rmSync(join(products, name), { force: true }));
    return join(products, name);
  })();
  return ourEnd;
}
