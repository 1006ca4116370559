import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fingerprint } from './build.ts';
import type { Cell } from './cells.ts';
import type { Outcome, Who } from './transfer.ts';

/** One run, and what identifies it. */
export interface Result extends Omit<Outcome, 'sender' | 'receiver' | 'network'> {
  readonly key: string;
  readonly cell: string;
  readonly who: Who;
  readonly seed: number;
  readonly mss: number;
  /** Of packets by the bench network, in ms. */
  readonly late: number;
  readonly refused: number;
  /** Ours: the part of a processor that the process took. */
  readonly cpu: number | undefined;
}

const root = join(import.meta.dirname, '../..');
const FILE = join(import.meta.dirname, 'results/loss.jsonl');

/** What has been measured: written down at once, so that a run that was interrupted can go on. */
export class Results {
  readonly #known = new Map<string, Result>();
  readonly #seconds: number;
  readonly #network = fingerprint('impair') + fingerprint('traffic');
  readonly #stack = fingerprintOf('src/core/netstack', 'src/core/wire');

  /** `resume`: with what the run before wrote. */
  constructor(seconds: number, resume: boolean) {
    this.#seconds = seconds;
    if (!resume) rmSync(FILE, { force: true });
    if (existsSync(FILE))
      for (const line of readFileSync(FILE, 'utf8').trim().split('\n')) {
        const result = JSON.parse(line) as Result;
        this.#known.set(result.key, result);
      }
  }

  get(cell: Cell, who: Who, seed: number): Result | undefined {
    return this.#known.get(this.#key(cell, who, seed));
  }

  add(cell: Cell, who: Who, seed: number, outcome: Outcome): Result {
    const { sender, receiver, network, ...rest } = outcome;
    const result: Result = {
      key: this.#key(cell, who, seed),
      cell: cell.name,
      who,
      seed,
      ...rest,
      mss: sender.mss,
      late: network.lateP99,
      refused: network.refused,
      cpu: sender.cpu ?? receiver.cpu,
    };
    this.#known.set(result.key, result);
    mkdirSync(dirname(FILE), { recursive: true });
    appendFileSync(FILE, `${JSON.stringify(result)}\n`);
    return result;
  }

  /** A run is the same only with the same network and, where ours is in it, the same stack. */
  #key(cell: Cell, who: Who, seed: number): string {
    const code = who === 'linux' ? this.#network : this.#network + this.#stack;
    return [cell.name, who, seed, this.#seconds, code].join('|');
  }
}

function fingerprintOf(...folders: string[]): string {
  const hash = createHash('sha256');
  for (const folder of folders)
    for (const name of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).sort())
      if (name.endsWith('.ts')) hash.update(name).update(readFileSync(join(root, folder, name)));
  return hash.digest('hex').slice(0, 12);
}
