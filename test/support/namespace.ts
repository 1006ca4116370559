import { existsSync, readdirSync } from 'node:fs';
import { Child, type ChildOptions, run } from './child-process.ts';

/** `tw` + owner's process id in base 36 + `n` + a number: says whose it is, and fits an interface name (15). */
const OWNED = /^tw([0-9a-z]+)n\d+$/;
let made = 0;

/** A name for a namespace and the interface in it that no other test process uses. */
export function uniqueName(): string {
  return `tw${process.pid.toString(36)}n${made++}`;
}

/** A network namespace with its loopback up. Only root can make one. */
export class Namespace {
  readonly name: string;
  readonly #children = new Set<Child>();

  private constructor(name: string) {
    this.name = name;
  }

  static async create(name: string): Promise<Namespace> {
    await sweep();
    await run('ip', ['netns', 'add', name]);
    await run('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
    return new Namespace(name);
  }

  /** Runs a command inside to its end; gives back its standard output. */
  async exec(command: string, ...args: string[]): Promise<string> {
    return run('ip', ['netns', 'exec', this.name, command, ...args]);
  }

  /** Starts a service inside; it ends with the namespace at the latest. */
  start(command: string, args: readonly string[], options?: ChildOptions): Child {
    const child = new Child('ip', ['netns', 'exec', this.name, command, ...args], options);
    this.#children.add(child);
    return child;
  }

  async delete(): Promise<void> {
    await Promise.all([...this.#children].map((child) => child.stop()));
    await run('ip', ['netns', 'del', this.name]);
  }
}

/** Removes namespaces whose owner died without doing so; touches no one else's. */
async function sweep(): Promise<void> {
  if (!existsSync('/run/netns')) return;
  for (const name of readdirSync('/run/netns')) {
    const owner = OWNED.exec(name)?.[1];
    if (!owner || existsSync(`/proc/${Number.parseInt(owner, 36)}`)) continue;
    await run('ip', ['netns', 'del', name]).catch(() => {}); // another run may have swept it first
  }
}
