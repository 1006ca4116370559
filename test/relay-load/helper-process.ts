import { createInterface } from 'node:readline';
import { Child } from '../support/child-process.ts';

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** A process that is asked with a line of JSON, and answers with one (helper.ts is its side). */
export class HelperProcess {
  readonly #child: Child;
  readonly #waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  #lastId = 0;
  #end: Error | undefined;

  /** @param script a file of this folder; @param argument what it is given, as JSON */
  constructor(script: string, argument: unknown = {}) {
    const path = new URL(script, import.meta.url).pathname;
    const args = ['--expose-gc', '--import', 'tsx', path, JSON.stringify(argument)];
    this.#child = new Child(process.execPath, args, { isInteractive: true });
    createInterface({ input: this.#child.process.stdout! }).on('line', (line) => this.#hear(line));
    void this.#child.exited.then((code) => {
      this.#end = new Error(`${script} ended with ${code}\n${this.#child.output.slice(-2000)}`);
      for (const { reject } of this.#waiting.values()) reject(this.#end);
    });
  }

  get pid(): number {
    return this.#child.pid;
  }

  get running(): boolean {
    return this.#child.running;
  }

  call<Result>(name: string, argument: unknown = null): Promise<Result> {
    if (this.#end) return Promise.reject(this.#end);
    const id = ++this.#lastId;
    this.#child.process.stdin!.write(`${JSON.stringify({ id, name, argument })}\n`);
    return new Promise<Result>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (result: unknown) => void, reject });
    });
  }

  async stop(): Promise<void> {
    await this.#child.stop('SIGKILL');
  }

  #hear(line: string): void {
    if (!line.startsWith('{"id"')) return;
    const { id, result, error } = JSON.parse(line) as Answer;
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(error));
  }
}
