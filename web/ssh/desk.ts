/** The terminals that are open, the keys to log in with, and the hosts that are known. */
import { batch, computed, effect, signal } from '@preact/signals';
import { BrowserShelf } from '../browser-shelf.ts';
import type { ConsoleModel } from '../model.ts';
import type { SshTarget } from './form.ts';
import { KeyEcho } from './key-echo.ts';
import { KeyRing } from './key-ring.ts';
import { type KnownHost, KnownHosts } from './known-hosts.ts';
import { noteDesk, type OpenDesk } from './resume.ts';
import { TerminalTab } from './terminal-tab.ts';

/** Each is a connection and a screen; nobody looks at more. */
const MAX_TABS = 16;

export class Desk {
  readonly model: ConsoleModel;
  readonly tabs = signal<readonly TerminalTab[]>([]);
  readonly activeId = signal('');
  /** The tab beside the active one, while two are shown. */
  readonly besideId = signal<string | undefined>();
  readonly hosts = new KnownHosts(new BrowserShelf<KnownHost>('tabwire-ssh-known-hosts', 'items'));
  readonly keys = new KeyRing(new BrowserShelf('tabwire-ssh-keys', 'items'));
  readonly problem = signal<string | undefined>();
  /** Of all terminals: they share the way and the machine. */
  readonly keyEcho = new KeyEcho();
  #next = 1;

  readonly active = computed(() => this.tabs.value.find(({ id }) => id === this.activeId.value));
  readonly beside = computed(() =>
    this.tabs.value.find(({ id }) => id === this.besideId.value && id !== this.activeId.value),
  );

  /** Of all terminals. */
  readonly forwards = computed(() => this.tabs.value.flatMap(({ forwards }) => forwards.list.value));

  constructor(model: ConsoleModel) {
    this.model = model;
    void this.hosts.load();
    void this.keys.load();
    effect(() => this.#note());
  }

  open(target: SshTarget, options?: { focus: boolean }): TerminalTab | undefined {
    if (this.tabs.value.length >= MAX_TABS) {
      this.problem.value = `${MAX_TABS} terminals are open: close one first.`;
      return undefined;
    }
    this.problem.value = undefined;
    const tab = new TerminalTab(`terminal-${this.#next++}`, this, target);
    this.tabs.value = [...this.tabs.value, tab];
    this.activeId.value = tab.id;
    void tab.connect(options);
    return tab;
  }

  /** What was open before a reload; it takes no keyboard. */
  restore({ terminals, active, beside }: OpenDesk): void {
    batch(() => {
      for (const { target, forwards, folder } of terminals) {
        const tab = this.open(target, { focus: false });
        for (const { host, port } of forwards) tab?.forwards.add(host, String(port));
        tab?.files.expect(folder);
      }
      const tabs = this.tabs.value;
      this.activeId.value = tabs[active]?.id ?? this.activeId.value;
      this.besideId.value = tabs[beside ?? -1]?.id;
    });
  }

  show(tab: TerminalTab): void {
    this.activeId.value = tab.id;
    if (this.besideId.value === tab.id) this.besideId.value = undefined;
  }

  /** Two side by side: the one before this one, or a new one to the same place; again: one. */
  split(): void {
    const { active } = this;
    if (this.beside.value) {
      this.besideId.value = undefined;
      return;
    }
    const tab = active.value;
    if (!tab) return;
    const other = this.tabs.value.filter(({ id }) => id !== tab.id).at(-1) ?? this.open(tab.target);
    if (!other) return;
    this.activeId.value = tab.id;
    this.besideId.value = other.id;
  }

  close(tab: TerminalTab): void {
    const place = this.tabs.value.indexOf(tab);
    this.tabs.value = this.tabs.value.filter((other) => other !== tab);
    if (this.besideId.value === tab.id) this.besideId.value = undefined;
    if (this.activeId.value === tab.id)
      this.activeId.value = (this.tabs.value[place] ?? this.tabs.value[place - 1])?.id ?? '';
    tab.dispose();
  }

  /** For a reload. */
  #note(): void {
    const tabs = this.tabs.value;
    const terminals = tabs.map(({ target, forwards, files }) => ({
      target,
      forwards: forwards.list.value.map((forward) => forward.target),
      folder: files.folder.value,
    }));
    const placeOf = (wanted: string | undefined) => tabs.findIndex(({ id }) => id === wanted);
    const beside = placeOf(this.besideId.value);
    const desk = { terminals, active: placeOf(this.activeId.value), beside: beside < 0 ? undefined : beside };
    const identity = this.model.session.status.peek()?.publicKey;
    if (identity !== undefined) noteDesk(identity, desk);
  }
}
