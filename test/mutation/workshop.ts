// A copy of what the tests need, outside the checkout, in which files may be broken.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child } from '../support/child-process.ts';
import { apply, type Mutant } from './mutants.ts';

const root = join(import.meta.dirname, '../..');
const PARTS = [
  'src',
  'test',
  'assembly',
  'package.json',
  'tsconfig.json',
  'tsconfig.base.json',
  'vitest.config.ts',
];

export class Workshop {
  readonly #folder: string;

  constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), 'tabwire-mutation-'));
    for (const part of PARTS) cpSync(join(root, part), join(this.#folder, part), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(this.#folder, 'node_modules'));
    // The same answers in a tenth of the time, and most of it is spent here.
    const curve = "import { NODE_CURVE } from '../../node/curve.ts';\n";
    const exported = 'export const { dh, publicKey } = NODE_CURVE;\nexport const NOBLE_CURVE = NODE_CURVE;\n';
    writeFileSync(join(this.#folder, 'src/core/crypto/x25519.ts'), curve + exported);
  }

  /** Whether these test files pass; undefined when they do not come to an end, as with a loop that has none. */
  async pass(tests: readonly string[], milliseconds: number): Promise<boolean | undefined> {
    const vitest = join(root, 'node_modules/vitest/vitest.mjs');
    const child = new Child(
      process.execPath,
      [
        vitest,
        'run',
        '--bail=1',
        '--reporter=dot',
        '--no-isolate',
        '--maxWorkers=1',
        '--no-cache',
        `--testTimeout=${milliseconds}`,
        ...tests,
      ],
      { cwd: this.#folder },
    );
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      child.process.kill('SIGKILL');
    }, milliseconds);
    const code = await child.exited;
    clearTimeout(timer);
    this.output = child.output;
    return isLate ? undefined : code === 0;
  }

  /** What the tests printed the last time. */
  output = '';

  /** Does something while one file is broken. */
  async with<T>(mutant: Mutant, work: () => Promise<T>): Promise<T> {
    const path = join(this.#folder, mutant.file);
    const source = readFileSync(path, 'utf8');
    writeFileSync(path, apply(mutant, source));
    try {
      return await work();
    } finally {
      writeFileSync(path, source);
    }
  }

  /** The test files in a folder, but those with these names. */
  tests(folder: string, without: readonly string[]): string[] {
    return readdirSync(join(this.#folder, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.test.ts') && !without.includes(file.slice(0, -'.test.ts'.length)))
      .map((file) => join(folder, file));
  }

  read(file: string): string {
    return readFileSync(join(this.#folder, file), 'utf8');
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
