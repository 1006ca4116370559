/** Files on the other side: SFTP with promises, bounds and plain errors. Bytes of files are moved by sftp-transfer.ts. */
import type { Buffer } from 'buffer';
import type { SFTPWrapper, Stats } from 'ssh2';
import { isEntryName } from './remote-name.ts';
import {
  connectionLost,
  FileError,
  FileExists,
  fileErrorOf,
  hasCode,
  isVague,
  STATUS,
} from './sftp-error.ts';

export interface RemoteFile {
  name: string;
  kind: 'folder' | 'file' | 'link' | 'other';
  size: number;
  /** Permission bits, 0 … 0o7777. */
  mode: number;
  /** Milliseconds since 1970. */
  modified: number;
}

export interface Listing {
  files: RemoteFile[];
  /** Entries that are not among them: more than a page can hold, or with a name that no file can have. */
  hidden: number;
}

/** A server may go on telling names for ever. */
const MAX_ENTRIES = 20_000;
/** Of so many links it is asked whether they lead to a folder. */
const MAX_FOLLOWED = 500;

const byName = new Intl.Collator(undefined, { numeric: true });

type Done<T> = (error: Error | null | undefined, value: T) => void;
type Entry = { filename: string; attrs: Stats };

export class Sftp {
  readonly #sftp: SFTPWrapper;
  /** ssh2 answers nothing any more then, errors neither. */
  #isOver = false;

  constructor(sftp: SFTPWrapper) {
    this.#sftp = sftp;
    // Each call that fails says so itself.
    sftp.on('error', () => {});
    sftp.once('close', () => (this.#isOver = true));
  }

  /** The absolute path. */
  realPath(path: string): Promise<string> {
    return this.#call(path, (done) => this.#sftp.realpath(path, done as never));
  }

  /** Folders first, then by name. A link to a folder is a folder. */
  async list(path: string): Promise<Listing> {
    const handle = await this.#call<Buffer>(path, (done) => this.#sftp.opendir(path, done as never));
    const files = new Map<string, RemoteFile>();
    let hidden = 0;
    try {
      for (let told = 0; told < MAX_ENTRIES; ) {
        const entries = await this.#readFolder(path, handle);
        if (!entries) break;
        told += Math.max(1, entries.length);
        for (const { filename, attrs } of entries)
          if (!isEntryName(filename) || files.has(filename) || files.size >= MAX_ENTRIES) hidden++;
          else files.set(filename, remoteFile(filename, attrs));
      }
    } finally {
      await this.close(path, handle);
    }
    return { files: await this.#sorted(path, [...files.values()]), hidden };
  }

  /** The next entries, undefined when there are no more. */
  #readFolder(path: string, handle: Buffer): Promise<Entry[] | undefined> {
    return this.#call<Entry[]>(path, (done) => this.#sftp.readdir(handle, done as never)).catch(
      (error: unknown) => {
        if (hasCode(error, STATUS.end)) return undefined;
        throw error;
      },
    );
  }

  async #sorted(folder: string, files: RemoteFile[]): Promise<RemoteFile[]> {
    const links = files.filter(({ kind }) => kind === 'link').slice(0, MAX_FOLLOWED);
    await Promise.all(links.map((link) => this.#follow(folder, link)));
    const rank = ({ kind }: RemoteFile) => (kind === 'folder' ? 0 : 1);
    return files.sort((a, b) => rank(a) - rank(b) || byName.compare(a.name, b.name));
  }

  async #follow(folder: string, link: RemoteFile): Promise<void> {
    const target = await this.stat(join(folder, link.name)).catch(() => undefined);
    if (target?.kind === 'folder') link.kind = 'folder';
  }

  async stat(path: string): Promise<RemoteFile> {
    const attrs = await this.#call<Stats>(path, (done) => this.#sftp.stat(path, done as never));
    return remoteFile(path.slice(path.lastIndexOf('/') + 1), attrs);
  }

  /** Never over something that is there. */
  rename(from: string, to: string): Promise<void> {
    return this.#call<void>(from, (done) => this.#sftp.rename(from, to, done as never)).catch(
      (error: unknown) => this.#explain(error, to),
    );
  }

  chmod(path: string, mode: number): Promise<void> {
    return this.#call(path, (done) => this.#sftp.chmod(path, mode, done as never));
  }

  makeFolder(path: string): Promise<void> {
    return this.#call<void>(path, (done) => this.#sftp.mkdir(path, done as never)).catch((error: unknown) =>
      this.#explain(error, path),
    );
  }

  /** A folder must be empty. */
  async remove(path: string, kind: RemoteFile['kind']): Promise<void> {
    if (kind !== 'folder') return this.#call(path, (done) => this.#sftp.unlink(path, done as never));
    // To the server, a link to a folder is no folder.
    const isLink = await this.#isLink(path);
    await this.#call<void>(path, (done) =>
      isLink ? this.#sftp.unlink(path, done as never) : this.#sftp.rmdir(path, done as never),
    ).catch((error: unknown) => {
      if (!hasCode(error, STATUS.failure) || !isVague(error)) throw error;
      throw new FileError(path, 'it is not empty, or the server could not delete it', { cause: error });
    });
  }

  async #isLink(path: string): Promise<boolean> {
    const attrs = await this.#call<Stats>(path, (done) => this.#sftp.lstat(path, done as never));
    return remoteFile(path, attrs).kind === 'link';
  }

  /** `wx`: only if nothing is there, or FileExists. */
  open(path: string, mode: 'r' | 'w' | 'wx'): Promise<Buffer> {
    return this.#call<Buffer>(path, (done) => this.#sftp.open(path, mode, done as never)).catch(
      (error: unknown) => {
        if (mode !== 'wx') throw error;
        return this.#explain(error, path);
      },
    );
  }

  /** Writes all of it. */
  write(path: string, handle: Buffer, bytes: Buffer, position: number): Promise<void> {
    return this.#call(path, (done) =>
      this.#sftp.write(handle, bytes, 0, bytes.length, position, done as never),
    );
  }

  /** Reads into `target` from `offset` on. Gives back how many bytes, 0 at the end. */
  read(path: string, handle: Buffer, target: Buffer, offset: number, position: number): Promise<number> {
    return this.#call<number>(path, (done) =>
      this.#sftp.read(handle, target, offset, target.length - offset, position, done as never),
    ).catch((error: unknown) => {
      if (hasCode(error, STATUS.end)) return 0;
      throw error;
    });
  }

  close(path: string, handle: Buffer): Promise<void> {
    return this.#call<void>(path, (done) => this.#sftp.close(handle, done as never)).catch(() => undefined);
  }

  end(): void {
    this.#sftp.end();
  }

  /** Servers of SFTP's version 3 have one code for nearly everything: whether the place was taken is asked. */
  async #explain(error: unknown, target: string): Promise<never> {
    if (hasCode(error, STATUS.failure)) {
      const isThere = await this.stat(target).then(
        () => true,
        () => false,
      );
      if (isThere) throw new FileExists(target, { cause: error });
    }
    throw error;
  }

  #call<T>(path: string, call: (done: Done<T>) => void): Promise<T> {
    if (this.#isOver) return Promise.reject(connectionLost());
    return new Promise((resolve, reject) => {
      try {
        call((error, value) => (error ? reject(fileErrorOf(error, path)) : resolve(value)));
      } catch (cause) {
        reject(connectionLost(cause));
      }
    });
  }
}

export function join(folder: string, name: string): string {
  return folder === '/' ? `/${name}` : `${folder.replace(/\/$/, '')}/${name}`;
}

export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}

function remoteFile(name: string, attrs: Stats): RemoteFile {
  const type = attrs.mode & 0o170000;
  const kind =
    type === 0o040000 ? 'folder' : type === 0o100000 ? 'file' : type === 0o120000 ? 'link' : 'other';
  return { name, kind, size: attrs.size, mode: attrs.mode & 0o7777, modified: attrs.mtime * 1000 };
}
