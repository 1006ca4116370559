import { signal } from '@preact/signals';
import type { Tunnel } from '../src/index.ts';
import type { Advice } from './failure.ts';
import { holdPage } from './leave-guard.ts';

export interface DownloadTarget {
  host: string;
  port: number;
  path: string;
}

export interface DownloadState {
  phase: 'connecting' | 'receiving' | 'done' | 'stopped' | 'failed';
  target: DownloadTarget;
  received: number;
  total: number | undefined;
  /** Bytes per second: of the last moments while it runs, of the whole when it is done. */
  rate: number;
  /** Milliseconds since the body began. */
  elapsed: number;
  /** `200 OK`. */
  answer?: string;
  sha256?: string;
  /** Whether it is the digest that the server announced (RFC 9530); undefined where it announced none. */
  asAnnounced?: boolean;
  file?: { blob: Blob; name: string };
  /** The beginning, where it is text. */
  preview?: string;
  advice?: Advice;
}

/** One GET through the tunnel: progress, rate, digest, and the file. */
export class DownloadRun {
  readonly state = signal<DownloadState | undefined>();
  #abort: AbortController | undefined;

  get running(): boolean {
    const phase = this.state.value?.phase;
    return phase === 'connecting' || phase === 'receiving';
  }

  async start(
    tunnel: Tunnel,
    target: DownloadTarget,
    explain: (error: unknown) => Advice | Promise<Advice>,
  ): Promise<void> {
    this.stop();
    const abort = new AbortController();
    this.#abort = abort;
    this.state.value = { phase: 'connecting', target, received: 0, total: undefined, rate: 0, elapsed: 0 };
    const update = (change: Partial<DownloadState>) => {
      if (!abort.signal.aborted) this.#update(change);
    };
    const letGo = holdPage();
    try {
      // A first visit does not need it.
      const { download } = await import('./download-work.ts');
      await download(tunnel, target, abort.signal, update);
    } catch (error) {
      update({ phase: 'failed', advice: await explain(error) });
    } finally {
      letGo();
    }
  }

  stop(): void {
    if (!this.running) return;
    this.#update({ phase: 'stopped' });
    this.#abort?.abort();
  }

  clear(): void {
    this.stop();
    this.state.value = undefined;
  }

  #update(change: Partial<DownloadState>): void {
    if (this.state.value) this.state.value = { ...this.state.value, ...change };
  }
}
