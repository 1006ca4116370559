/** The files of one connection: a folder that is looked at, and what is on its way up or down. */

import { sha256 } from '@noble/hashes/sha2.js';
import { batch, signal } from '@preact/signals';
import { join, parentOf, type RemoteFile, type Sftp } from './sftp.ts';

export interface Transfer {
  id: number;
  name: string;
  direction: 'up' | 'down';
  bytes: number;
  total: number;
  state: 'running' | 'done' | 'failed' | 'stopped';
  /** Hexadecimal SHA-256 of what passed, when it is done. */
  digest: string;
  problem: string;
  stop: () => void;
}

/** Kept to be looked at; older ones go. */
const MAX_TRANSFERS = 20;
/** The numbers on the page move this often, in milliseconds. */
const TICK = 100;
/** What a page can hold together until it is saved. */
const MAX_DOWNLOAD = 2 ** 31;

export class Files {
  readonly folder = signal('');
  readonly entries = signal<readonly RemoteFile[] | undefined>();
  readonly problem = signal<string | undefined>();
  readonly busy = signal(false);
  readonly transfers = signal<readonly Transfer[]>([]);
  readonly #open: () => Promise<Sftp>;
  #next = 1;

  constructor(open: () => Promise<Sftp>) {
    this.#open = open;
  }

  /** The folder one lands in. */
  start(): Promise<void> {
    return this.#do(async (sftp) => this.#show(sftp, this.folder.value || (await sftp.realPath('.'))));
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
    for (const file of files)
      await this.#transfer(file.name, 'up', file.size, async (sftp, onBytes, signal) => {
        const [digest] = await Promise.all([
          digestOf(file, signal),
          sftp.upload(join(folder, file.name), file, { onBytes, signal }),
        ]);
        return digest;
      });
    await this.start();
  }

  async download({ name, size }: RemoteFile): Promise<void> {
    const path = this.#path(name);
    if (size > MAX_DOWNLOAD) {
      this.problem.value = `${name} is too large for a page to hold: fetch it with scp.`;
      return;
    }
    await this.#transfer(name, 'down', size, async (sftp, onBytes, signal) => {
      const parts: Uint8Array<ArrayBuffer>[] = [];
      const hash = sha256.create();
      await sftp.download(
        path,
        (bytes) => {
          hash.update(bytes);
          parts.push(bytes);
        },
        { onBytes, signal },
      );
      save(new Blob(parts), name);
      return hex(hash.digest());
    });
  }

  async #transfer(
    name: string,
    direction: Transfer['direction'],
    total: number,
    run: (sftp: Sftp, onBytes: (count: number) => void, signal: AbortSignal) => Promise<string>,
  ): Promise<void> {
    const abort = new AbortController();
    const id = this.#next++;
    const begun: Transfer = {
      ...{ id, name, direction, total, bytes: 0, state: 'running', digest: '', problem: '' },
      stop: () => abort.abort(),
    };
    this.transfers.value = [begun, ...this.transfers.value].slice(0, MAX_TRANSFERS);
    let bytes = 0;
    const ticker = setInterval(() => this.#update(id, { bytes }), TICK);
    try {
      const digest = await run(await this.#open(), (count) => (bytes += count), abort.signal);
      this.#update(id, { bytes, state: 'done', digest });
    } catch (error) {
      const state = abort.signal.aborted ? 'stopped' : 'failed';
      this.#update(id, { bytes, state, problem: state === 'failed' ? (error as Error).message : '' });
    } finally {
      clearInterval(ticker);
    }
  }

  #update(id: number, change: Partial<Transfer>): void {
    this.transfers.value = this.transfers.value.map((transfer) =>
      transfer.id === id ? { ...transfer, ...change } : transfer,
    );
  }

  async #show(sftp: Sftp, folder: string): Promise<void> {
    const entries = await sftp.list(folder);
    batch(() => {
      this.folder.value = folder;
      this.entries.value = entries;
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

async function digestOf(file: Blob, signal: AbortSignal): Promise<string> {
  const hash = sha256.create();
  const reader = file.stream().getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    signal.throwIfAborted();
    hash.update(part.value);
  }
  return hex(hash.digest());
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function save(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
