import { signal } from '@preact/signals';
import type { Check, Tunnel } from '../src/index.ts';
import type { AdviceContext } from './advice.ts';
import type { ConsoleModel } from './model.ts';
import { Run } from './tools/run.ts';
import { Trial } from './trial.ts';

/** A leg of the way, or what the browser promises of the tunnels that it keeps. */
export type Seen = Omit<Check, 'leg'> & { leg: Check['leg'] | 'storage' };

/** Asks the way leg by leg; what was seen, as it is seen. */
export class DoctorRun extends Run {
  readonly checks = signal<Seen[]>([]);
  readonly isDone = signal(false);
  /** The names of what was looked at, for sentences. */
  readonly context = signal<AdviceContext | undefined>();

  /** The way of the page's tunnel; where there is none, of one that is opened for that. */
  async examine(model: ConsoleModel): Promise<void> {
    this.checks.value = [];
    this.isDone.value = false;
    const explain = (error: unknown) => ({ sentence: (error as Error).message, copy: [] });
    await this.start(explain, async (signal) => {
      const tell = (check: Seen) => {
        if (!signal.aborted) this.checks.value = [...this.checks.value, check];
      };
      const tunnel = model.session.tunnel.value;
      if (tunnel) await this.#ask(tunnel, model, tell, signal);
      else if (!(await this.#try(model, tell, signal))) return;
      const storage = model.book.tunnels.value.length > 0 && (await storageCheck());
      if (storage) tell(storage);
      this.isDone.value = !signal.aborted;
    });
  }

  async #ask(
    tunnel: Tunnel,
    { session, pingHost }: ConsoleModel,
    tell: (check: Seen) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const host = pingHost.value.trim();
    this.context.value = undefined;
    for await (const check of tunnel.diagnose({ signal, ...(host !== '' && { host }) })) {
      const dispute = session.dispute.value;
      // A handshake works at once, and is taken away again: of that diagnose sees the first half only.
      if (check.leg === 'handshake' && check.ok && dispute)
        tell({ leg: 'handshake', ok: false, detail: dispute.message, code: 'ERR_IN_USE' });
      else tell(check);
    }
  }

  /** Whether there is anything to try; if not, it was said why. */
  async #try(model: ConsoleModel, tell: (check: Seen) => void, signal: AbortSignal): Promise<boolean> {
    const way = await model.way();
    if (!way) return false;
    const trial = new Trial(way, model.publicKey.value);
    this.context.value = trial.context;
    model.trial = trial;
    try {
      await trial.look(model.pingHost.value.trim(), tell, signal);
    } finally {
      model.trial = undefined;
    }
    return true;
  }
}

/** Whether the browser has promised to keep what is saved here; undefined where it cannot be asked. */
async function storageCheck(): Promise<Seen | undefined> {
  const isKept = await navigator.storage?.persisted?.().catch(() => undefined);
  if (isKept === undefined) return undefined;
  if (isKept)
    return { leg: 'storage', ok: true, detail: 'The browser has promised to keep the saved tunnels.' };
  return {
    leg: 'storage',
    ok: false,
    detail: 'The browser has not promised to keep the saved tunnels.',
    advice:
      'It may delete them when it needs room: install this page or bookmark it, and keep the .conf file, too.',
  };
}
