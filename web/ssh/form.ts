/** What the terminal panel knows before SSH is loaded: where to, as whom, and the desk once there is one. */
import { batch, signal } from '@preact/signals';
import type { ConsoleModel } from '../model.ts';
import type { Desk } from './desk.ts';
import type { DeskView } from './desk-view.tsx';
import type { Forward } from './forward.ts';
import { deskBefore } from './resume.ts';

export interface SshTarget {
  host: string;
  port: number;
  username: string;
  /** `user@host:port` of a server in between; empty for none. */
  jump: string;
  /** Its key as SSH sends it, base64, where somebody trustworthy has told us. */
  hostKey: string | undefined;
}

export class SshForm {
  readonly host = signal('');
  readonly port = signal('22');
  readonly username = signal('');
  readonly jump = signal('');
  readonly loaded = signal<{ desk: Desk; View: typeof DeskView } | undefined>();
  readonly problem = signal<string | undefined>();
  /** Which forward HTTP requests go through, by its id; empty for none. */
  readonly way = signal('');
  readonly #model: ConsoleModel;
  #told: { host: string; port: number; hostKey: string } | undefined;
  #loading: Promise<Desk | undefined> | undefined;

  constructor(model: ConsoleModel) {
    this.#model = model;
  }

  /** What is forwarded into this page. */
  get forwards(): readonly Forward[] {
    return this.loaded.value?.desk.forwards.value ?? [];
  }

  /** Fills in a server whose host key we were told. */
  fill(host: string, { port, username, hostKey }: { port: number; username: string; hostKey: string }): void {
    this.#told = { host, port, hostKey };
    batch(() => {
      this.host.value = host;
      this.port.value = String(port);
      this.username.value = username;
    });
  }

  get target(): SshTarget {
    const host = this.host.value.trim().replace(/^\[(.*)\]$/, '$1');
    const port = Number(this.port.value);
    const isTold = this.#told?.host === host && this.#told.port === port;
    return {
      host,
      port,
      username: this.username.value.trim(),
      jump: this.jump.value.trim(),
      hostKey: isTold ? this.#told?.hostKey : undefined,
    };
  }

  /** The terminals' own part of the page, loaded when it is first wanted. */
  load(): Promise<Desk | undefined> {
    this.problem.value = undefined;
    this.#loading ??= this.#load().catch(() => {
      this.#loading = undefined;
      this.problem.value = 'The terminal did not load: check the connection to this site, then try again.';
      return undefined;
    });
    return this.#loading;
  }

  /** Somebody fills in where to: what the terminal will need comes meanwhile. */
  prepare(): void {
    void fetchParts().catch(() => {}); // told when it is wanted
  }

  async #load(): Promise<Desk> {
    const { Desk, DeskView } = await fetchParts();
    const desk = new Desk(this.#model);
    this.loaded.value = { desk, View: DeskView };
    return desk;
  }

  /** What was open in this tunnel before a reload is open again. */
  async restore(): Promise<void> {
    const before = deskBefore(this.#model.session.status.value?.publicKey ?? '');
    if (before.terminals.length > 0) (await this.load())?.restore(before);
  }

  /** A terminal to what the fields say. `focus`: it is what the person waits for, and takes the keyboard. */
  async open({ focus = true } = {}): Promise<void> {
    const { target } = this;
    if (!isPort(target.port)) {
      this.problem.value = 'The port must be a number from 1 to 65535; SSH servers mostly listen on 22.';
      return;
    }
    (await this.load())?.open(target, { focus });
  }
}

async function fetchParts(): Promise<typeof import('./index.ts')> {
  const ciphers = import('./assembly.ts').then(({ loadCiphers }) => loadCiphers());
  const [parts] = await Promise.all([import('./index.ts'), ciphers]);
  return parts;
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65_535;
}

const forms = new WeakMap<ConsoleModel, SshForm>();

/** The page's one. */
export function sshFormOf(model: ConsoleModel): SshForm {
  let form = forms.get(model);
  if (!form) forms.set(model, (form = new SshForm(model)));
  return form;
}
