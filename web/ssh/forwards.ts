/** What one terminal's connection reaches for this page. It outlives the connection: the next one reaches it again. */
import { signal } from '@preact/signals';
import type { SshConnection } from './connection.ts';
import { Forward } from './forward.ts';

/** More than anybody looks at. */
const MAX_FORWARDS = 16;

export class Forwards {
  readonly list = signal<readonly Forward[]>([]);
  /** Why the last one was not taken. */
  readonly problem = signal<string | undefined>();
  readonly #name: string;
  readonly #via: string;
  readonly #connection: () => SshConnection | undefined;
  #next = 1;

  /** `name`: begins their ids. `via`: whose connection it is. */
  constructor(name: string, via: string, connection: () => SshConnection | undefined) {
    this.#name = name;
    this.#via = via;
    this.#connection = connection;
  }

  /** Of what stands in two fields. Whether it was taken. */
  add(host: string, port: string): boolean {
    try {
      this.list.value = [...this.list.value, this.#make(host, port)];
      this.problem.value = undefined;
      return true;
    } catch (error) {
      this.problem.value = (error as Error).message;
      return false;
    }
  }

  remove(forward: Forward): void {
    this.list.value = this.list.value.filter((other) => other !== forward);
    this.problem.value = undefined;
  }

  #make(host: string, port: string): Forward {
    if (this.list.value.length >= MAX_FORWARDS)
      throw new Error(`${MAX_FORWARDS} forwards are here already: remove one first.`);
    const number = /^\s*\d{1,5}\s*$/.test(port) ? Number(port) : 0;
    if (number < 1 || number > 65_535)
      throw new Error('The port must be a number from 1 to 65535; web servers mostly listen on 80.');
    const target = { host: host.trim().replace(/^\[(.*)\]$/, '$1'), port: number };
    const forward = new Forward(`${this.#name}-${this.#next++}`, target, this.#via, this.#connection);
    if (this.list.value.some(({ url }) => url.host === forward.url.host))
      throw new Error(`${forward.place} is in the list already.`);
    return forward;
  }
}
