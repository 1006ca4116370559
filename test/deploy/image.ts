// relay/deploy/Containerfile as Debian's buildah builds it. The images that it begins with are in registries that not every machine
// reaches, so others stand for them: for Debian with Node and npm one that has this machine's, for the one without a shell
// Node and the libraries that it is linked with, and nothing else.
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Child, run } from '../support/child-process.ts';

const root = join(import.meta.dirname, '../..');
const CONTAINERFILE = join(root, 'relay/deploy/Containerfile');

/** What the image says of how it is run. */
export interface ImageConfig {
  readonly User: string;
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[];
}

export class Image {
  readonly config: ImageConfig;
  /** Its files. */
  readonly mount: string;
  readonly #workshop: Workshop;

  private constructor(workshop: Workshop, mount: string, config: ImageConfig) {
    this.#workshop = workshop;
    this.mount = mount;
    this.config = config;
  }

  static async build(): Promise<Image> {
    const workshop = new Workshop();
    try {
      const [debian, distroless] = [...readFileSync(CONTAINERFILE, 'utf8').matchAll(/^FROM (\S+)/gm)];
      const standIns = [
        `${debian![1]}=container-image://${await workshop.make('debian', debianLike)}`,
        `${distroless![1]}=container-image://${await workshop.make('distroless', distrolessLike)}`,
      ];
      await workshop.buildah(
        ...['bud', '--isolation', 'chroot', '--network', 'host', '--volume', '/usr:/usr:ro'],
        ...standIns.flatMap((standIn) => ['--build-context', standIn]),
        ...['--file', CONTAINERFILE, '--tag', 'tabwire-relay', root],
      );
      const container = await workshop.buildah('from', '--pull-never', 'tabwire-relay');
      const inspected = JSON.parse(await workshop.buildah('inspect', container)) as {
        OCIv1: { config: ImageConfig };
      };
      return new Image(workshop, await workshop.buildah('mount', container), inspected.OCIv1.config);
    } catch (error) {
      workshop.remove();
      throw error;
    }
  }

  /** As its user, with a root that nobody can write to. `args` are in place of its Cmd. */
  start(args: readonly string[] = this.config.Cmd): Child {
    const { mount, config } = this;
    const script = [
      `mount --bind ${mount} ${mount}`,
      `mount -o remount,ro,bind ${mount}`,
      ...['proc', 'dev'].map((name) => `mount --rbind /${name} ${mount}/${name}`),
      `exec env -i /usr/sbin/chroot --userspec=${config.User}:${config.User} ${mount} "$@"`,
    ];
    return new Child('unshare', [
      '--mount',
      'sh',
      '-ec',
      script.join('\n'),
      'sh',
      ...config.Entrypoint,
      ...args,
    ]);
  }

  remove(): void {
    this.#workshop.remove();
  }
}

/** A store of images of its own. */
class Workshop {
  readonly folder = mkdtempSync(join(tmpdir(), 'tabwire-image-'));

  async buildah(...args: string[]): Promise<string> {
    const store = ['--root', join(this.folder, 'store'), '--runroot', join(this.folder, 'run')];
    return (await run('buildah', [...store, '--storage-driver', 'vfs', ...args])).trim();
  }

  /** An image of what `fill` puts into a folder. Its name. */
  async make(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
    const files = join(this.folder, name);
    mkdirSync(files);
    await fill(files);
    const container = await this.buildah('from', 'scratch');
    await this.buildah('add', container, files, '/');
    await this.buildah('config', '--env', 'PATH=/usr/local/bin:/usr/bin:/bin', container);
    await this.buildah('commit', container, `localhost/${name}`);
    return `localhost/${name}`;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Its /usr is this machine's, which is mounted while something runs in it. */
async function debianLike(folder: string): Promise<void> {
  for (const name of ['usr', 'etc', 'tmp', 'var/tmp', 'root', 'proc', 'sys', 'dev'])
    mkdirSync(join(folder, name), { recursive: true });
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) symlinkSync(`usr/${name}`, join(folder, name));
  for (const name of ['passwd', 'group', 'nsswitch.conf', 'ssl'])
    cpSync(join('/etc', name), join(folder, 'etc', name), { recursive: true });
  // How npm reaches its registry.
  const settings = join(homedir(), '.npmrc');
  if (existsSync(settings)) copyFileSync(settings, join(folder, 'root/.npmrc'));
}

async function distrolessLike(folder: string): Promise<void> {
  for (const name of ['nodejs/bin', 'etc', 'tmp', 'proc', 'dev'])
    mkdirSync(join(folder, name), { recursive: true });
  copyFileSync(process.execPath, join(folder, 'nodejs/bin/node'));
  for (const [library] of (await run('ldd', [process.execPath])).matchAll(/\/lib\S+/g)) {
    mkdirSync(join(folder, dirname(library)), { recursive: true });
    copyFileSync(library, join(folder, library));
  }
}
