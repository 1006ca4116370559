/** The files of one connection: a folder that is looked at, and what is on its way up or down. */

import { sha256 } from '@noble/hashes/sha2.js';
import { batch, signal } from '@preact/signals';
import { saveFile } from '../parts/save-file.ts';
import { safeFileName, shownName } from './remote-name.ts';
import { join, parentOf, type RemoteFile, type Sftp } from './sftp.ts';
import { download, type TransferOptions, upload } from './sftp-transfer.ts';
import { Transfers, type Try } from './transfers.ts';

/** What a page can hold together until it is saved. */
const MAX_DOWNLOAD = 2 ** 31;
/** Pieces are put together in blobs of this size, which browsers can keep on disk; copying more at once is felt by who types. */
const BLOB = 2 ** 20;

export class Files {
  readonly folder = signal('');
  readonly entries = signal<readonly RemoteFile[] | undefined>();
  /** Entries of the folder that cannot be shown. */
  readonly hidden = signal(0);
  readonly problem = signal<string | undefined>();
  readonly busy = signal(false);
  readonly transfers = new Transfers();
  readonly #open: () => Promise<Sftp>;
  readonly #keys: TransferOptions['keys'];

  constructor(open: () => Promise<Sftp>, keys: TransferOptions['keys']) {
    this.#open = open;
    this.#keys = keys;
  }

  /** The folder one lands in, or the one that is looked at, anew. */
  start(): Promise<void> {
    return this.#do(async (sftp) => this.#show(sftp, this.folder.value || (await sftp.realPath('.'))));
  }

  /** This folder is to be seen as soon as somebody is logged in; empty for none. */
  expect(folder: string): void {
    this.folder.value = folder;
  }

  /** Somebody is logged in. What was seen before stays as it was; what is expected is fetched, or forgotten if it is gone. */
  async resume(): Promise<void> {
    if (this.folder.value === '' || this.entries.value) return;
    await this.start();
    if (!this.entries.value) this.folder.value = '';
  }

  go(path: string): Promise<void> {
    return this.#do(async (sftp) => this.#show(sftp, await sftp.realPath(path)));
  }

  enter({ name }: RemoteFile): Promise<void> {
    return this.go(join(this.folder.value, name));
  }

  up(): Promise<void> {
    return this.go(parentOf(this.folder.value));
  }

  makeFolder(name: string): Promise<void> {
    return this.#change((sftp) => sftp.makeFolder(this.#path(name)));
  }

  rename({ name }: RemoteFile, to: string): Promise<void> {
    return this.#change((sftp) => sftp.rename(this.#path(name), to.startsWith('/') ? to : this.#path(to)));
  }

  chmod({ name }: RemoteFile, mode: number): Promise<void> {
    return this.#change((sftp) => sftp.chmod(this.#path(name), mode));
  }

  remove({ name, kind }: RemoteFile): Promise<void> {
    return this.#change((sftp) => sftp.remove(this.#path(name), kind));
  }

  /** One behind the other: they would only share the same way. */
  async upload(files: Iterable<File>): Promise<void> {
    const folder = this.folder.value;
    const refresh = () => {
      if (this.folder.value === folder) void this.start();
    };
    let isAnyDone = false;
    for (const file of files) {
      const what = { name: file.name, direction: 'up', total: file.size } as const;
      const work = (attempt: Try) => this.#send(join(folder, file.name), file, attempt);
      if (await this.transfers.begin(what, work, refresh)) isAnyDone = true;
    }
    if (isAnyDone) refresh();
  }

  async #send(path: string, file: File, attempt: Try): Promise<string> {
    const hash = sha256.create();
    await upload(await this.#open(), path, file, {
      signal: attempt.signal,
      onBytes: attempt.onBytes,
      onPiece: (bytes) => hash.update(bytes),
      mayReplace: attempt.mayReplace,
      onOpen: () => (attempt.mayReplace = true),
      keys: this.#keys,
    });
    return hex(hash.digest());
  }

  async download({ name, size }: RemoteFile): Promise<void> {
    const path = this.#path(name);
    if (size > MAX_DOWNLOAD) this.problem.value = tooLarge(name);
    else
      await this.transfers.begin({ name, direction: 'down', total: size }, (attempt) =>
        this.#receive(path, name, attempt),
      );
  }

  async #receive(path: string, name: string, { signal, onBytes }: Try): Promise<string> {
    const hash = sha256.create();
    const blobs: Blob[] = [];
    let pieces: Uint8Array<ArrayBuffer>[] = [];
    let held = 0;
    let bytes = 0;
    const wrap = () => {
      blobs.push(new Blob(pieces));
      pieces = [];
      held = 0;
    };
    await download(await this.#open(), path, {
      signal,
      onBytes,
      keys: this.#keys,
      onPiece: (piece) => {
        // It may be longer than its folder said.
        if ((bytes += piece.length) > MAX_DOWNLOAD) throw new Error(tooLarge(name));
        hash.update(piece);
        pieces.push(piece);
        if ((held += piece.length) >= BLOB) wrap();
      },
    });
    wrap();
    // Without a type a browser guesses one, and puts its ending behind the name.
    const blob = new Blob(blobs, { type: 'application/octet-stream' });
    saveFile({ blob, name: safeFileName(name) });
    return hex(hash.digest());
  }

  async #show(sftp: Sftp, folder: string): Promise<void> {
    const { files, hidden } = await sftp.list(folder);
    batch(() => {
      this.folder.value = folder;
      this.entries.value = files;
      this.hidden.value = hidden;
    });
  }

  #change(act: (sftp: Sftp) => Promise<void>): Promise<void> {
    return this.#do(async (sftp) => {
      await act(sftp);
      await this.#show(sftp, this.folder.value);
    });
  }

  async #do(act: (sftp: Sftp) => Promise<void>): Promise<void> {
    this.busy.value = true;
    this.problem.value = undefined;
    try {
      await act(await this.#open());
    } catch (error) {
      this.problem.value = (error as Error).message;
    } finally {
      this.busy.value = false;
    }
  }

  #path(name: string): string {
    return join(this.folder.value, name);
  }
}

function tooLarge(name: string): string {
  return `${shownName(name)} is too large for a page to hold: fetch it with scp.`;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
