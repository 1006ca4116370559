/** A small file system in memory: what the demo's shell and its SFTP show. Nothing in it is of this machine. */

export interface DemoFile {
  kind: 'file';
  mode: number;
  /** Milliseconds since 1970. */
  modified: number;
  /** As far as it is written; it may have more room. */
  size: number;
  room: Buffer;
}

export interface DemoFolder {
  kind: 'folder';
  mode: number;
  modified: number;
  entries: Map<string, DemoNode>;
}

export type DemoNode = DemoFile | DemoFolder;

/** Why a call failed, in the words of errno. */
export class DemoFileError extends Error {
  readonly code: 'ENOENT' | 'EEXIST' | 'ENOTDIR' | 'EISDIR' | 'ENOTEMPTY' | 'ENOSPC' | 'EINVAL';

  constructor(code: DemoFileError['code']) {
    super(WORDS[code]);
    this.code = code;
  }
}

const WORDS = {
  ENOENT: 'No such file or directory',
  EEXIST: 'File exists',
  ENOTDIR: 'Not a directory',
  EISDIR: 'Is a directory',
  ENOTEMPTY: 'Directory not empty',
  ENOSPC: 'No space left on device',
  EINVAL: 'Invalid argument',
};

const MAX_BYTES = 64 * 1024 * 1024;
const MAX_NODES = 2000;
const MAX_NAME = 255;

export const DEMO_HOME = '/home/guest';

export class DemoFiles {
  readonly #now: () => number;
  readonly #maxBytes: number;
  readonly root: DemoFolder;
  #bytes = 0;
  #nodes = 0;

  constructor({ now = Date.now, maxBytes = MAX_BYTES }: { now?: () => number; maxBytes?: number } = {}) {
    this.#now = now;
    this.#maxBytes = maxBytes;
    this.root = this.#newFolder();
    for (const path of ['/home', DEMO_HOME, `${DEMO_HOME}/notes`, '/tmp', '/etc']) this.makeFolder(path);
    this.writeText(`${DEMO_HOME}/README.txt`, README);
    this.writeText(`${DEMO_HOME}/notes/todo.txt`, '- read README.txt\n- drop a file into the Files panel\n');
    this.writeText('/etc/motd', 'Welcome inside. Type "help" for what there is.\n');
    this.writeText('/etc/hostname', 'demo\n');
  }

  /** An absolute path without `.` and `..`; `from` is where a relative one begins. */
  static resolve(from: string, path: string): string {
    const parts: string[] = [];
    for (const part of (path.startsWith('/') ? path : `${from}/${path}`).split('/')) {
      if (part === '..') parts.pop();
      else if (part !== '' && part !== '.') parts.push(part);
    }
    return `/${parts.join('/')}`;
  }

  get(path: string): DemoNode {
    let node: DemoNode = this.root;
    for (const name of namesOf(path)) {
      if (node.kind !== 'folder') throw new DemoFileError('ENOTDIR');
      const next: DemoNode | undefined = node.entries.get(name);
      if (!next) throw new DemoFileError('ENOENT');
      node = next;
    }
    return node;
  }

  folder(path: string): DemoFolder {
    const node = this.get(path);
    if (node.kind !== 'folder') throw new DemoFileError('ENOTDIR');
    return node;
  }

  file(path: string): DemoFile {
    const node = this.get(path);
    if (node.kind !== 'file') throw new DemoFileError('EISDIR');
    return node;
  }

  makeFolder(path: string): void {
    const { parent, name } = this.#place(path);
    if (parent.entries.has(name)) throw new DemoFileError('EEXIST');
    this.#add(parent, name, this.#newFolder());
  }

  /** The file of this name, made if there is none; `truncate` empties it. */
  create(path: string, { truncate = false, exclusive = false } = {}): DemoFile {
    const { parent, name } = this.#place(path);
    const existing = parent.entries.get(name);
    if (existing && exclusive) throw new DemoFileError('EEXIST');
    if (existing?.kind === 'folder') throw new DemoFileError('EISDIR');
    if (existing) {
      if (truncate) this.truncate(existing, 0);
      return existing;
    }
    const file: DemoFile = {
      kind: 'file',
      mode: 0o644,
      modified: this.#now(),
      size: 0,
      room: Buffer.alloc(0),
    };
    this.#add(parent, name, file);
    return file;
  }

  write(file: DemoFile, position: number, bytes: Uint8Array): void {
    const end = position + bytes.length;
    if (!Number.isSafeInteger(end)) throw new DemoFileError('EINVAL');
    if (end > file.room.length) this.#grow(file, end);
    file.room.set(bytes, position);
    file.size = Math.max(file.size, end);
    file.modified = this.#now();
  }

  /** At most `length` bytes; empty at the end. */
  read(file: DemoFile, position: number, length: number): Buffer {
    return file.room.subarray(Math.min(position, file.size), Math.min(position + length, file.size));
  }

  truncate(file: DemoFile, size: number): void {
    if (size > file.room.length) this.#grow(file, size);
    else if (size === 0) this.#release(file);
    else file.room.fill(0, size);
    file.size = size;
    file.modified = this.#now();
  }

  setMode(path: string, mode: number): void {
    this.get(path).mode = mode;
  }

  writeText(path: string, text: string): void {
    this.write(this.create(path, { truncate: true }), 0, Buffer.from(text));
  }

  readText(path: string): string {
    const file = this.file(path);
    return this.read(file, 0, file.size).toString();
  }

  rename(from: string, to: string, { replace = false } = {}): void {
    const source = this.#place(from);
    const node = source.parent.entries.get(source.name);
    if (!node) throw new DemoFileError('ENOENT');
    if (to === from) return;
    if (to.startsWith(`${from}/`)) throw new DemoFileError('EINVAL');
    const target = this.#place(to);
    if (target.parent.entries.has(target.name)) {
      if (!replace || target.parent.entries.get(target.name)!.kind === 'folder')
        throw new DemoFileError('EEXIST');
      this.remove(to);
    }
    source.parent.entries.delete(source.name);
    target.parent.entries.set(target.name, node);
  }

  /** A folder only if it is empty, or `all` of it. */
  remove(path: string, { all = false } = {}): void {
    const { parent, name } = this.#place(path);
    const node = parent.entries.get(name);
    if (!node) throw new DemoFileError('ENOENT');
    if (node.kind === 'folder') {
      if (node.entries.size > 0 && !all) throw new DemoFileError('ENOTEMPTY');
      for (const child of [...node.entries.keys()]) this.remove(`${path}/${child}`, { all });
    } else {
      this.#release(node);
    }
    parent.entries.delete(name);
    parent.modified = this.#now();
    this.#nodes--;
  }

  #place(path: string): { parent: DemoFolder; name: string } {
    const names = namesOf(path);
    const name = names.pop();
    if (name === undefined) throw new DemoFileError('EEXIST');
    if (Buffer.byteLength(name) > MAX_NAME) throw new DemoFileError('EINVAL');
    return { parent: this.folder(`/${names.join('/')}`), name };
  }

  #add(parent: DemoFolder, name: string, node: DemoNode): void {
    if (this.#nodes >= MAX_NODES) throw new DemoFileError('ENOSPC');
    this.#nodes++;
    parent.entries.set(name, node);
    parent.modified = this.#now();
  }

  #newFolder(): DemoFolder {
    return { kind: 'folder', mode: 0o755, modified: this.#now(), entries: new Map() };
  }

  /** Room doubles, as far as there is space. */
  #grow(file: DemoFile, size: number): void {
    const free = this.#maxBytes - this.#bytes + file.room.length;
    if (size > free) throw new DemoFileError('ENOSPC');
    const room = Buffer.alloc(Math.min(free, Math.max(size, 2 * file.room.length, 256)));
    file.room.copy(room, 0, 0, file.size);
    this.#bytes += room.length - file.room.length;
    file.room = room;
  }

  #release(file: DemoFile): void {
    this.#bytes -= file.room.length;
    file.room = Buffer.alloc(0);
    file.size = 0;
  }
}

function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '');
}

const README = `This machine is not there: it is a few lines of JavaScript behind a WireGuard
peer, with a file system in memory that is yours until you leave.

Everything you type goes through SSH, TCP, IP, WireGuard and a relay, and all
of them but the relay run in your browser tab.

Try: ls -l, cat /etc/motd, echo hello > tmp.txt, seq 1 5, help
`;
