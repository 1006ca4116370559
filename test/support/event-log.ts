// What a stand-in says beside what Node says: the events of emitters in their order, as text without what differs by chance.
import type { EventEmitter } from 'node:events';

export interface Said {
  code?: string;
  errno?: number;
  syscall?: string;
  address?: string;
  port?: number;
  hostname?: string;
}

/** Listens to these events; each becomes a line `WHO EVENT arguments`. */
export class EventLog {
  readonly lines: string[] = [];
  readonly #names: readonly (readonly [RegExp, string])[];

  /** What has another name at each run: addresses, ports. */
  constructor(names: readonly (readonly [RegExp, string])[] = []) {
    this.#names = names;
  }

  watch(who: string, emitter: EventEmitter, events: readonly string[]): void {
    for (const event of events)
      emitter.on(event, (...args: unknown[]) => this.note(`${who} ${event}`, ...args));
  }

  note(what: string, ...args: unknown[]): void {
    const line = [what, ...args.map(shown)].join(' ').trimEnd();
    this.lines.push(this.#names.reduce((text, [pattern, name]) => text.replace(pattern, name), line));
  }
}

function said(error: Error): object {
  const { code, errno, syscall, address, port, hostname } = error as Error & Said;
  const errors = error instanceof AggregateError ? error.errors.map(said) : undefined;
  return { message: error.message, code, errno, syscall, address, port, hostname, errors };
}

function shown(value: unknown): string {
  if (value instanceof Error) return JSON.stringify(said(value));
  if (value instanceof Uint8Array) return `<${Buffer.from(value).toString('latin1')}>`;
  if (typeof value === 'object' && value !== null && (value.constructor ?? Object) !== Object) return '';
  return value === undefined ? '' : JSON.stringify(value);
}
