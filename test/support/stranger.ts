// The package as somebody else has it: packed, and installed into a new folder outside the repository.
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { run } from './child-process.ts';

const root = join(import.meta.dirname, '../..');

interface Lock {
  packages: Record<string, { dev?: boolean; devOptional?: boolean; optional?: boolean }>;
}

/** A project in a folder of its own, with `tabwire` in its node_modules and what `tabwire` depends on, nothing else. */
export class Stranger {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /**
   * Packs the built package and installs it with npm. No registry is asked: what the package depends on is copied from our
   * own node_modules, at the versions of our lock file.
   */
  static async arrive(): Promise<Stranger> {
    const stranger = new Stranger(mkdtempSync(join(tmpdir(), 'tabwire-stranger-')));
    const packing = ['pack', '--ignore-scripts', '--silent', '--pack-destination', stranger.folder];
    await run('npm', packing, { cwd: root });
    const tarball = readdirSync(stranger.folder).find((name) => name.endsWith('.tgz'))!;
    const manifest = {
      name: 'stranger',
      private: true,
      type: 'module',
      dependencies: { ...dependencies(), tabwire: `file:${tarball}` },
    };
    stranger.write('package.json', JSON.stringify(manifest));
    await run(
      'npm',
      ['install', '--offline', '--install-links', '--ignore-scripts', '--no-audit', '--no-fund', '--silent'],
      { cwd: stranger.folder },
    );
    return stranger;
  }

  write(file: string, text: string): void {
    const path = join(this.folder, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }

  copy(from: string, to: string): void {
    cpSync(join(this.folder, from), join(this.folder, to), { recursive: true });
  }

  /** A tool of our node_modules, in the stranger's folder. */
  async tool(name: string, ...args: string[]): Promise<void> {
    await run(join(root, 'node_modules/.bin', name), args, { cwd: this.folder });
  }

  leave(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** All that users of the package get with it, each from where it lies here. */
function dependencies(): Record<string, string> {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lock;
  const wanted = Object.entries(packages).filter(
    ([path, { dev, devOptional }]) => path !== '' && !dev && !devOptional && existsSync(join(root, path)),
  );
  return Object.fromEntries(
    wanted.map(([path]) => [path.replace(/^.*node_modules\//, ''), `file:${join(root, path)}`]),
  );
}
