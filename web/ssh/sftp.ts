/** Files on the other side: SFTP with promises, streams that keep many requests on their way, and progress. */
import { Buffer } from 'buffer';
import type { SFTPWrapper, Stats } from 'ssh2';
import { clean } from './clean.ts';
import { SshError } from './ssh-error.ts';

export interface RemoteFile {
  name: string;
  kind: 'folder' | 'file' | 'link' | 'other';
  size: number;
  /** Permission bits, 0 … 0o7777. */
  mode: number;
  /** Milliseconds since 1970. */
  modified: number;
}

/** Bytes of one read or write: what every server takes (draft-ietf-secsh-filexfer-02 §3). */
const CHUNK = 32_768;
/** So many requests wait for their answers at once: 2 MiB on the way. */
const WINDOW = 64;

type Done<T> = (error: Error | null | undefined, value: T) => void;

export class Sftp {
  readonly #sftp: SFTPWrapper;

  constructor(sftp: SFTPWrapper) {
    this.#sftp = sftp;
    // Each call that fails says so itself.
    sftp.on('error', () => {});
  }

  /** The absolute path. */
  realPath(path: string): Promise<string> {
    return this.#call(path, (done) => this.#sftp.realpath(path, done as never));
  }

  /** Folders first, then by name. A link to a folder is a folder. */
  async list(path: string): Promise<RemoteFile[]> {
    const entries = await this.#call<{ filename: string; attrs: Stats }[]>(path, (done) =>
      this.#sftp.readdir(path, done as never),
    );
    const files = entries
      .filter(({ filename }) => filename !== '.' && filename !== '..')
      .map(({ filename, attrs }) => remoteFile(filename, attrs));
    await Promise.all(files.filter(({ kind }) => kind === 'link').map((link) => this.#follow(path, link)));
    const rank = ({ kind }: RemoteFile) => (kind === 'folder' ? 0 : 1);
    return files.sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
  }

  async #follow(folder: string, link: RemoteFile): Promise<void> {
    const target = await this.stat(join(folder, link.name)).catch(() => undefined);
    if (target?.kind === 'folder') link.kind = 'folder';
  }

  async stat(path: string): Promise<RemoteFile> {
    const attrs = await this.#call<Stats>(path, (done) => this.#sftp.stat(path, done as never));
    return remoteFile(path.slice(path.lastIndexOf('/') + 1), attrs);
  }

  rename(from: string, to: string): Promise<void> {
    return this.#call(from, (done) => this.#sftp.rename(from, to, done as never));
  }

  chmod(path: string, mode: number): Promise<void> {
    return this.#call(path, (done) => this.#sftp.chmod(path, mode, done as never));
  }

  makeFolder(path: string): Promise<void> {
    return this.#call(path, (done) => this.#sftp.mkdir(path, done as never));
  }

  /** A folder must be empty. */
  remove(path: string, kind: RemoteFile['kind']): Promise<void> {
    return this.#call(path, (done) =>
      kind === 'folder' ? this.#sftp.rmdir(path, done as never) : this.#sftp.unlink(path, done as never),
    );
  }

  /** The whole file, in order; `onBytes` is told each piece's length. */
  async download(
    path: string,
    sink: (bytes: Uint8Array<ArrayBuffer>) => void | Promise<void>,
    { onBytes, signal }: Progress = {},
  ): Promise<void> {
    const handle = await this.#open(path, 'r');
    try {
      await this.#readAll(path, handle, sink, { onBytes, signal });
    } finally {
      await this.#close(path, handle);
    }
  }

  async #readAll(
    path: string,
    handle: Buffer,
    sink: (bytes: Uint8Array<ArrayBuffer>) => void | Promise<void>,
    { onBytes, signal }: Progress,
  ): Promise<void> {
    const asked: Promise<Uint8Array<ArrayBuffer>>[] = [];
    for (let position = 0, ended = false; !ended || asked.length > 0; ) {
      for (; !ended && asked.length < WINDOW; position += CHUNK) {
        const reading = this.#readChunk(path, handle, position);
        reading.catch(() => {});
        asked.push(reading);
      }
      const bytes = await asked.shift()!;
      signal?.throwIfAborted();
      if (bytes.length > 0) await sink(bytes);
      onBytes?.(bytes.length);
      ended ||= bytes.length < CHUNK;
    }
  }

  /** As much of CHUNK bytes as the file has there: servers may give less than was asked (§6.4). */
  async #readChunk(path: string, handle: Buffer, position: number): Promise<Uint8Array<ArrayBuffer>> {
    const chunk = Buffer.alloc(CHUNK);
    let filled = 0;
    while (filled < CHUNK) {
      const count = await this.#call<number>(path, (done) =>
        this.#sftp.read(handle, chunk, filled, CHUNK - filled, position + filled, done as never),
      ).catch((error: unknown) => {
        if (isEnd(error)) return 0;
        throw error;
      });
      if (count === 0) break;
      filled += count;
    }
    return new Uint8Array(chunk.buffer as ArrayBuffer, chunk.byteOffset, filled);
  }

  /** Writes the file anew. */
  async upload(path: string, file: Blob, { onBytes, signal }: Progress = {}): Promise<void> {
    const handle = await this.#open(path, 'w');
    try {
      await this.#writeAll(path, handle, file, { onBytes, signal });
    } finally {
      await this.#close(path, handle);
    }
  }

  async #writeAll(path: string, handle: Buffer, file: Blob, { onBytes, signal }: Progress): Promise<void> {
    const sent: Promise<void>[] = [];
    const settle = async () => {
      await sent.shift()!;
      signal?.throwIfAborted();
    };
    for (let position = 0; position < file.size; ) {
      const part = Buffer.from(await file.slice(position, position + CHUNK * WINDOW).arrayBuffer());
      for (let at = 0; at < part.length; at += CHUNK) {
        if (sent.length >= WINDOW) await settle();
        const length = Math.min(CHUNK, part.length - at);
        const writing = this.#call<void>(path, (done) =>
          this.#sftp.write(handle, part, at, length, position + at, done as never),
        ).then(() => onBytes?.(length));
        writing.catch(() => {});
        sent.push(writing);
      }
      position += part.length;
    }
    while (sent.length > 0) await settle();
  }

  end(): void {
    this.#sftp.end();
  }

  #open(path: string, mode: 'r' | 'w'): Promise<Buffer> {
    return this.#call(path, (done) => this.#sftp.open(path, mode, done as never));
  }

  #close(path: string, handle: Buffer): Promise<void> {
    return this.#call<void>(path, (done) => this.#sftp.close(handle, done as never)).catch(() => undefined);
  }

  #call<T>(path: string, call: (done: Done<T>) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      try {
        call((error, value) => (error ? reject(fileError(error, path)) : resolve(value)));
      } catch (cause) {
        reject(new SshError('lost', 'The connection is closed: reconnect.', { cause }));
      }
    });
  }
}

export interface Progress {
  onBytes?: ((count: number) => void) | undefined;
  signal?: AbortSignal | undefined;
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

/** SSH_FX_EOF. */
const END = 1;
/** By SSH_FX code (draft-ietf-secsh-filexfer-02 §7). */
const REASONS: Record<number, string> = {
  2: 'there is no such file',
  3: 'the server does not permit it',
  6: 'there is no connection',
  7: 'the connection was lost',
  8: 'the server cannot do that',
};

function fileError(error: Error & { code?: unknown }, path: string): Error {
  const code = Number(error.code);
  const reason = REASONS[code] ?? clean(error.message);
  return Object.assign(new SshError('protocol', `${path}: ${reason}.`, { cause: error }), { code });
}

function isEnd(error: unknown): boolean {
  return (error as { code?: unknown }).code === END;
}
