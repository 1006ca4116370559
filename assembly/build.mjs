// Builds assembly/tabwire.wasm, and has llhttp.mjs bring the other WASM. An unchanged build is a copy out of .cache, named by a hash of everything that goes in.
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import './llhttp.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);
const target = join(here, 'tabwire.wasm');
const cache = join(here, '.cache');

/** 4 MiB, for good: views of the memory never detach, and what a peer sends cannot make it grow. */
const PAGES = '64';

const flags = [
  ...['-O3', '--converge', '--noAssert'],
  ...['--enable', 'simd'],
  ...['--runtime', 'stub', '--use', 'abort='], // no allocator, no collector, nothing imported
  ...['--initialMemory', PAGES, '--maximumMemory', PAGES],
];

const cached = join(cache, `${fingerprint()}.wasm`);
if (!existsSync(cached)) await compile(cached);
if (!existsSync(target) || !readFileSync(target).equals(readFileSync(cached))) copyFileSync(cached, target);

function fingerprint() {
  const hash = createHash('sha256');
  hash.update(JSON.stringify([flags, require('assemblyscript/package.json').version]));
  const sources = readdirSync(here).filter((name) => name.endsWith('.ts'));
  for (const name of sources.sort()) {
    hash.update(`\0${name}\0`);
    hash.update(readFileSync(join(here, name)));
  }
  return hash.digest('hex').slice(0, 32);
}

async function compile(output) {
  const { default: asc } = await import('assemblyscript/asc'); // takes a second: only when needed
  const started = performance.now();
  let wasm;
  const { error, stderr } = await asc.main(
    ['index.ts', '--baseDir', here, '--outFile', 'out.wasm', ...flags],
    {
      writeFile: (name, contents) => {
        if (name === 'out.wasm') wasm = contents;
      },
    },
  );
  if (error || !wasm) {
    process.stderr.write(stderr.toString());
    console.error(`assembly: ${error?.message ?? 'nothing was built'}`);
    process.exit(1);
  }
  mkdirSync(cache, { recursive: true });
  // Several builds may run at once: each writes its own file, the last rename wins with the same bytes.
  const part = `${output}.${process.pid}`;
  writeFileSync(part, wasm);
  renameSync(part, output);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`assembly: tabwire.wasm, ${wasm.length} bytes, in ${seconds} s`);
}
