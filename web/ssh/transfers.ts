/** What is on its way up or down, and what came of it. */
import { signal } from '@preact/signals';
import { FileExists } from './sftp-error.ts';

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
  /** It failed because something of that name was there: `again` replaces it. */
  isTaken: boolean;
  stop: () => void;
  again: () => void;
}

/** One try of a transfer, as who does the work sees it. */
export interface Try {
  signal: AbortSignal;
  onBytes: (count: number) => void;
  /** What lies there may be overwritten: it is ours from an earlier try, or the person wants it so. */
  mayReplace: boolean;
}

/** Gives back the SHA-256 of what passed. */
export type Work = (attempt: Try) => Promise<string>;

/** Kept to be looked at; older ones go. */
const MAX_TRANSFERS = 20;
/** The numbers on the page move this often, in milliseconds. */
const TICK = 100;

export class Transfers {
  readonly list = signal<readonly Transfer[]>([]);
  #next = 1;

  /** Resolves with whether it is done. `onAgain`: it was done only when somebody had it tried again. */
  begin(
    what: Pick<Transfer, 'name' | 'direction' | 'total'>,
    work: Work,
    onAgain: () => void = () => {},
  ): Promise<boolean> {
    const id = this.#next++;
    const begun: Transfer = {
      ...what,
      ...{ id, bytes: 0, state: 'running', digest: '', problem: '', isTaken: false },
      ...{ stop: () => {}, again: () => {} },
    };
    this.list.value = [begun, ...this.list.value].filter(
      ({ state }, place) => state === 'running' || place < MAX_TRANSFERS,
    );
    return this.#run(id, work, onAgain, false);
  }

  async #run(id: number, work: Work, onAgain: () => void, mayReplace: boolean): Promise<boolean> {
    const abort = new AbortController();
    let bytes = 0;
    const attempt: Try = { signal: abort.signal, onBytes: (count) => (bytes += count), mayReplace };
    this.#update(id, { bytes, state: 'running', problem: '', stop: () => abort.abort() });
    const ticker = setInterval(() => this.#update(id, { bytes }), TICK);
    try {
      const digest = await work(attempt);
      this.#update(id, { bytes, state: 'done', digest });
      return true;
    } catch (error) {
      const isTaken = error instanceof FileExists;
      const again = () =>
        void this.#run(id, work, onAgain, attempt.mayReplace || isTaken).then((isDone) => {
          if (isDone) onAgain();
        });
      const state = abort.signal.aborted ? 'stopped' : 'failed';
      const problem = state === 'failed' ? (error as Error).message : '';
      this.#update(id, { bytes, state, problem, isTaken, again });
      return false;
    } finally {
      clearInterval(ticker);
    }
  }

  #update(id: number, change: Partial<Transfer>): void {
    this.list.value = this.list.value.map((transfer) =>
      transfer.id === id ? { ...transfer, ...change } : transfer,
    );
  }
}
