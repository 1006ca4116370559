import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Host, Outcome } from './host.ts';

/** As built: what tsx makes of a program costs speed. */
const SCRIPT = join(import.meta.dirname, '../../../dist/bench/node-child.mjs');

/** A process of Node. */
export class NodeHost implements Host {
  readonly name = `Node ${process.versions.node}`;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (outcome: Outcome) => void>();
  #calls = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (outcome: Outcome) => this.#settle(outcome));
    child.on('exit', (code) => {
      for (const id of this.#waiting.keys()) this.#settle({ id, error: `Node ended with ${code}` });
    });
  }

  static async open(): Promise<NodeHost> {
    const child = fork(SCRIPT, [], { execArgv: ['--expose-gc'] });
    await once(child, 'message');
    return new NodeHost(child);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  call<T>(procedure: string, argument?: unknown): Promise<T> {
    const id = this.#calls++;
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, ({ value, error }) => {
        if (error === undefined) resolve(value as T);
        else reject(new Error(`in ${this.name}: ${error}`));
      });
      this.#child.send({ id, procedure, argument });
    });
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.disconnect();
    await once(this.#child, 'exit');
  }

  #settle(outcome: Outcome): void {
    this.#waiting.get(outcome.id)?.(outcome);
    this.#waiting.delete(outcome.id);
  }
}
