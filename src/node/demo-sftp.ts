// SFTP (draft-ietf-secsh-filexfer-02) on the demo's file system, by the server side of ssh2.
import type { Attributes, SFTPWrapper } from 'ssh2';
import { longLine } from './demo-commands.ts';
import { DEMO_HOME, type DemoFile, DemoFileError, DemoFiles, type DemoNode } from './demo-files.ts';

/** SSH_FX codes (§7). */
const STATUS = { ok: 0, end: 1, noSuchFile: 2, denied: 3, failure: 4, unsupported: 8 };
/** SSH_FXF flags of OPEN (§6.3). */
const FLAG = { append: 0x04, create: 0x08, truncate: 0x10, exclusive: 0x20 };
const TYPE = { file: 0o100000, folder: 0o040000 };
const MAX_HANDLES = 100;
/** Bytes of one answer. */
const MAX_READ = 64 * 1024;
/** Answers that wait for a visitor who asks and does not listen: 16 MiB. More end the channel. */
const MAX_UNSENT = 256;
/** So many names go into one answer. */
const NAMES_AT_ONCE = 100;

type Handle = { file: DemoFile; append: boolean } | { names: [name: string, node: DemoNode][] };

/** Answers every request of this channel. */
export function serveSftp(sftp: SFTPWrapper, files: DemoFiles): void {
  new DemoSftp(sftp, files).listen();
}

class DemoSftp {
  readonly #sftp: SFTPWrapper;
  readonly #files: DemoFiles;
  readonly #handles = new Map<number, Handle>();
  #nextHandle = 0;

  constructor(sftp: SFTPWrapper, files: DemoFiles) {
    this.#sftp = sftp;
    this.#files = files;
  }

  listen(): void {
    const files = this.#files;
    const on = (event: string, answer: (id: number, ...args: never[]) => void) =>
      this.#sftp.on(event, (id: number, ...args: never[]) => this.#guarded(id, () => answer(id, ...args)));
    // A visitor's broken channel is the visitor's affair.
    this.#sftp.on('error', () => {});
    on('OPEN', (id, path: string, flags: number, attrs: Attributes) => this.#open(id, path, flags, attrs));
    on('OPENDIR', (id, path: string) =>
      this.#newHandle(id, { names: [...files.folder(absolute(path)).entries] }),
    );
    on('READ', (id, handle: Buffer, offset: number, length: number) =>
      this.#read(id, handle, offset, length),
    );
    on('WRITE', (id, handle: Buffer, offset: number, data: Buffer) => this.#write(id, handle, offset, data));
    on('READDIR', (id, handle: Buffer) => this.#readFolder(id, handle));
    on('CLOSE', (id, handle: Buffer) => {
      this.#handleOf(handle);
      this.#handles.delete(handle.readUInt32BE(0));
      this.#done(id);
    });
    for (const event of ['STAT', 'LSTAT'])
      on(event, (id, path: string) => this.#sftp.attrs(id, attributes(files.get(absolute(path)))));
    on('FSTAT', (id, handle: Buffer) => this.#sftp.attrs(id, attributes(this.#fileOf(handle).file)));
    on('SETSTAT', (id, path: string, attrs: Attributes) =>
      this.#change(id, files.get(absolute(path)), attrs),
    );
    on('FSETSTAT', (id, handle: Buffer, attrs: Attributes) =>
      this.#change(id, this.#fileOf(handle).file, attrs),
    );
    on('REALPATH', (id, path: string) => {
      const filename = absolute(path);
      this.#sftp.name(id, [{ filename, longname: filename, attrs: {} as Attributes }]);
    });
    this.#listenForChanges(on);
  }

  #listenForChanges(on: (event: string, answer: (id: number, ...args: never[]) => void) => void): void {
    const files = this.#files;
    on('MKDIR', (id, path: string) => {
      files.makeFolder(absolute(path));
      this.#done(id);
    });
    on('RENAME', (id, from: string, to: string) => {
      files.rename(absolute(from), absolute(to));
      this.#done(id);
    });
    on('REMOVE', (id, path: string) => {
      files.file(absolute(path));
      files.remove(absolute(path));
      this.#done(id);
    });
    on('RMDIR', (id, path: string) => {
      files.folder(absolute(path));
      files.remove(absolute(path));
      this.#done(id);
    });
  }

  #guarded(id: number, answer: () => void): void {
    try {
      if (unsentOf(this.#sftp) > MAX_UNSENT) this.#sftp.end();
      else answer();
    } catch (error) {
      const { code, message } = error as DemoFileError;
      this.#sftp.status(id, code === 'ENOENT' ? STATUS.noSuchFile : STATUS.failure, message);
    }
  }

  #done(id: number): void {
    this.#sftp.status(id, STATUS.ok);
  }

  #open(id: number, path: string, flags: number, attrs: Attributes): void {
    const at = absolute(path);
    const file =
      flags & FLAG.create
        ? this.#files.create(at, {
            truncate: (flags & FLAG.truncate) !== 0,
            exclusive: (flags & FLAG.exclusive) !== 0,
          })
        : this.#files.file(at);
    if (flags & FLAG.create && attrs.mode !== undefined) file.mode = attrs.mode & 0o7777;
    this.#newHandle(id, { file, append: (flags & FLAG.append) !== 0 });
  }

  #newHandle(id: number, handle: Handle): void {
    if (this.#handles.size >= MAX_HANDLES) throw new Error('Too many open files');
    const name = Buffer.alloc(4);
    name.writeUInt32BE(this.#nextHandle);
    this.#handles.set(this.#nextHandle, handle);
    this.#nextHandle = (this.#nextHandle + 1) >>> 0;
    this.#sftp.handle(id, name);
  }

  #handleOf(name: Buffer): Handle {
    const handle = name.length === 4 ? this.#handles.get(name.readUInt32BE(0)) : undefined;
    if (!handle) throw new Error('Invalid handle');
    return handle;
  }

  #fileOf(name: Buffer) {
    const handle = this.#handleOf(name);
    if (!('file' in handle)) throw new DemoFileError('EISDIR');
    return handle;
  }

  #read(id: number, handle: Buffer, offset: number, length: number): void {
    const bytes = this.#files.read(this.#fileOf(handle).file, offset, Math.min(length, MAX_READ));
    if (bytes.length === 0) this.#sftp.status(id, STATUS.end);
    else this.#sftp.data(id, bytes);
  }

  #write(id: number, handle: Buffer, offset: number, data: Buffer): void {
    const { file, append } = this.#fileOf(handle);
    this.#files.write(file, append ? file.size : offset, data);
    this.#done(id);
  }

  #readFolder(id: number, name: Buffer): void {
    const handle = this.#handleOf(name);
    if (!('names' in handle)) throw new DemoFileError('ENOTDIR');
    const some = handle.names.splice(0, NAMES_AT_ONCE);
    const names = some.map(([filename, node]) => ({
      filename,
      longname: longLine(filename, node),
      attrs: attributes(node),
    }));
    if (names.length === 0) this.#sftp.status(id, STATUS.end);
    else this.#sftp.name(id, names);
  }

  #change(id: number, node: DemoNode, attrs: Attributes): void {
    if (attrs.mode !== undefined) node.mode = attrs.mode & 0o7777;
    if (attrs.mtime !== undefined) node.modified = attrs.mtime * 1000;
    if (attrs.size !== undefined && node.kind === 'file') this.#files.truncate(node, attrs.size);
    this.#done(id);
  }
}

/** ssh2 queues what the other side's window has no room for, and says so nowhere else. */
function unsentOf(sftp: SFTPWrapper): number {
  return (sftp as unknown as { _buffer: unknown[] })._buffer.length;
}

function absolute(path: string): string {
  return DemoFiles.resolve(DEMO_HOME, path);
}

function attributes(node: DemoNode): Attributes {
  const seconds = Math.floor(node.modified / 1000);
  return {
    mode: node.mode | TYPE[node.kind],
    uid: 1000,
    gid: 1000,
    size: node.kind === 'file' ? node.size : 0,
    atime: seconds,
    mtime: seconds,
  };
}
