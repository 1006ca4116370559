import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';

/** How much of a child's output is kept for error messages, in characters. */
const KEPT_OUTPUT = 200_000;

export interface ChildOptions {
  cwd?: string;
  env?: Record<string, string>;
  /** Written to the child's standard input, which then ends. */
  input?: string | Buffer;
  /** Its standard input stays open, for the test to write to. */
  isInteractive?: boolean;
}

/** A program this process started. It is killed with this process, whatever ends it. */
export class Child {
  readonly pid: number;
  readonly process: ChildProcess;
  /** The exit code, or null when a signal ended it. Never rejects. */
  readonly exited: Promise<number | null>;
  #output = '';
  #ended = false;
  readonly #name: string;
  readonly #watchers = new Set<() => void>();

  constructor(command: string, args: readonly string[], options: ChildOptions = {}) {
    this.#name = [command, ...args].join(' ');
    // PR_SET_PDEATHSIG survives exec: even a killed test run leaves no program behind.
    const guarded = process.platform === 'linux';
    this.process = spawn(
      guarded ? 'setpriv' : command,
      guarded ? ['--pdeathsig', 'KILL', command, ...args] : args,
      {
        cwd: options.cwd,
        env: { ...process.env, ...options.env },
        stdio: [options.input !== undefined || options.isInteractive ? 'pipe' : 'ignore', 'pipe', 'pipe'],
      },
    );
    this.pid = this.process.pid ?? 0;
    this.process.stdin?.on('error', () => {});
    if (!options.isInteractive) this.process.stdin?.end(options.input);
    const take = (chunk: Buffer): void => {
      this.#output = (this.#output + chunk.toString()).slice(-KEPT_OUTPUT);
      this.#wake();
    };
    this.process.stdout?.on('data', take);
    this.process.stderr?.on('data', take);
    this.exited = new Promise((resolve) => {
      const end = (code: number | null): void => {
        this.#ended = true;
        this.#wake();
        resolve(code);
      };
      this.process.on('error', (error) => {
        this.#output += `\n${error.message}`;
        end(127);
      });
      this.process.on('close', end);
    });
  }

  /** Standard output and standard error, interleaved as they came. */
  get output(): string {
    return this.#output;
  }

  get running(): boolean {
    return !this.#ended;
  }

  /** Resolves with the match as soon as the output has it; rejects with the output if the child ends first. */
  async saw(pattern: RegExp, timeout = 10_000): Promise<RegExpExecArray> {
    const until = Date.now() + timeout;
    for (;;) {
      const match = pattern.exec(this.#output);
      if (match) return match;
      const left = until - Date.now();
      if (this.#ended || left <= 0)
        throw new Error(
          `${this.#name}: ${this.#ended ? 'ended' : `${timeout} ms went by`} before ${pattern}\n${this.#output}`,
        );
      let resolve = (): void => {};
      const promise = new Promise<void>((done) => {
        resolve = done;
      });
      this.#watchers.add(resolve);
      const timer = setTimeout(resolve, left);
      await promise;
      clearTimeout(timer);
      this.#watchers.delete(resolve);
    }
  }

  /** Asks it to end, insists after three seconds. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#ended) return;
    this.process.kill(signal);
    const insist = setTimeout(() => this.process.kill('SIGKILL'), 3000);
    await this.exited;
    clearTimeout(insist);
  }

  #wake(): void {
    for (const watcher of this.#watchers) watcher();
  }
}

/** Runs a program to its end and gives back its standard output; a failure rejects with all it printed. */
export async function run(
  command: string,
  args: readonly string[] = [],
  options: ChildOptions = {},
): Promise<string> {
  const child = new Child(command, args, options);
  const parts: Buffer[] = [];
  child.process.stdout?.on('data', (chunk: Buffer) => parts.push(chunk));
  const code = await child.exited;
  if (code !== 0)
    throw new Error(`${[command, ...args].join(' ')} ended with ${code ?? 'a signal'}\n${child.output}`);
  return Buffer.concat(parts).toString();
}

/** Asks `condition` every 25 ms until it holds. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeout = 5000,
): Promise<void> {
  const end = Date.now() + timeout;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`${timeout} ms went by without: ${what}`);
    await delay(25);
  }
}
