import { join } from 'node:path';
import type { AllowRule, DrainOptions, Limits, TokenOptions } from '../../src/relay-host/index.ts';
import { Child } from './child-process.ts';
import { freeTcpPort } from './free-port.ts';

/** On a busy machine what tsx makes of its sources takes a while. */
const START = 30_000;

export interface RelayProcessOptions {
  /** `host:port` literals or rules; nothing else may be reached. */
  allow: readonly (string | AllowRule)[];
  /** Pages that may connect. */
  origins: readonly string[];
  /** Programs other than browsers too. */
  allowNoOrigin?: boolean;
  /** Default: a free one. */
  port?: number;
  limits?: Partial<Limits>;
  /** Clients need a token. */
  auth?: TokenOptions;
  /** 32 bytes each, in hexadecimal: relays with the same take each other's tickets. */
  ticketKeys?: readonly string[];
  /** Asked to end, it drains; by default it stops at once. */
  drain?: DrainOptions;
  /** By how much its clock is wrong, in ms. */
  clockSkew?: number;
  /** So many may be open in it. */
  files?: number;
  /** Where it serves its metrics. */
  admin?: string;
}

/** The real relay in a process of its own, so that it can be killed and started again on the same port. */
export class RelayProcess {
  readonly port: number;
  readonly url: string;
  #options: RelayProcessOptions;
  #child: Child;

  private constructor(port: number, options: RelayProcessOptions, child: Child) {
    this.port = port;
    this.url = `ws://127.0.0.1:${port}/v1`;
    this.#options = options;
    this.#child = child;
  }

  static async start(options: RelayProcessOptions): Promise<RelayProcess> {
    const port = options.port ?? (await freeTcpPort());
    return new RelayProcess(port, options, await launch(port, options));
  }

  /** The way a crash ends it: nothing is said to anyone. */
  async kill(): Promise<void> {
    await this.#child.stop('SIGKILL');
  }

  /** Asked to end, it says goodbye first. */
  async stop(): Promise<void> {
    await this.#child.stop();
  }

  /** Asked to end, and given the time that it takes. Resolves with its exit code. */
  async ended(): Promise<number | null> {
    this.#child.process.kill('SIGTERM');
    return this.#child.exited;
  }

  /** `change`: what is different from now on. */
  async restart(change: Partial<RelayProcessOptions> = {}): Promise<void> {
    await this.#child.stop('SIGKILL');
    this.#options = { ...this.#options, ...change };
    this.#child = await launch(this.port, this.#options);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** What it says at `admin`: each number by its name and labels. */
  async metrics(): Promise<ReadonlyMap<string, number>> {
    const text = await (await fetch(`http://${this.#options.admin}/metrics`)).text();
    const samples = text.matchAll(/^([^#\n].*) (\S+)$/gm);
    return new Map([...samples].map(([, name, value]) => [name!, Number(value)]));
  }

  get output(): string {
    return this.#child.output;
  }
}

async function launch(port: number, options: RelayProcessOptions): Promise<Child> {
  const { files, ...others } = options;
  const limited = files === undefined ? [] : ['prlimit', `--nofile=${files}`];
  const [program, ...args] = [
    ...limited,
    ...[process.execPath, '--import', 'tsx', join(import.meta.dirname, 'relay-child.ts')],
    JSON.stringify({ ...others, port }),
  ];
  const child = new Child(program!, args);
  try {
    await child.saw(/^listening$/m, START);
  } catch (error) {
    // Nobody else knows of it.
    await child.stop('SIGKILL');
    throw error;
  }
  return child;
}
