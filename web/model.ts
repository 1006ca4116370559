/** What the console knows and can do; the panels show it and call it. */

import { batch, computed, effect, signal } from '@preact/signals';
import { hostAndPort } from '../src/core/host-port.ts';
import { checkConfig, derivePublicKey, generatePrivateKey, type TunnelConfig } from '../src/index.ts';
import { readOurselves, setPrivateKey, TEXT_LIMIT } from './config-text.ts';
import { DownloadRun } from './download-run.ts';
import { PingRun } from './ping-run.ts';
import { isOlder } from './pwa/version.ts';
import { readRelays } from './relay-address.ts';
import { Session } from './session.ts';
import { loadSettings, Preference, readSettings, type SiteSettings } from './settings.ts';
import { type Arrival, isOffer, NO_OFFER, readArrival } from './tunnels/arrival.ts';
import { arrival } from './tunnels/fragment.ts';
import type { Parcel } from './tunnels/link.ts';
import { connectedBefore, noteConnected } from './tunnels/resume.ts';
import { type OpenedTunnel, TunnelBook } from './tunnels/tunnel-book.ts';
import { BrowserStore } from './tunnels/tunnel-store.ts';

/** What a tunnel is opened with. */
export interface Way {
  config: TunnelConfig;
  relays: string[];
  token: (() => Promise<string>) | undefined;
  privateKey: CryptoKey | undefined;
}

export class ConsoleModel {
  readonly session = new Session();
  readonly ping = new PingRun();
  readonly download = new DownloadRun();

  readonly settings = signal<SiteSettings>(readSettings(undefined));
  readonly text = signal('');
  readonly relayText = signal('');
  readonly pingHost = signal('');
  readonly downloadHost = signal('');
  readonly downloadPort = signal('80');
  readonly downloadPath = signal('/');
  /** The text before keys were generated into it, while going back is possible. */
  readonly beforeKeys = signal<string | undefined>();
  /** What a dropped or opened file was not. */
  readonly fileProblem = signal<string | undefined>();
  readonly enrolling = signal(false);
  readonly book = new TunnelBook(new BrowserStore(), () => navigator.storage.persist());
  /** Of the tunnel that was opened out of the book: what it has beside its text. */
  readonly opened = signal<(OpenedTunnel & { id: string; name: string }) | undefined>();

  /** What a link brought, until it is taken or left. */
  readonly arrival = signal<Arrival | undefined>();
  readonly scanning = signal(false);
  /** The tunnel that the path doctor has opened to look at its way: it ends before another begins. */
  trial: { end(): Promise<void> } | undefined;
  /** The saved tunnel that was connected before a reload, until one is. */
  returning: string | undefined;
  /** Whether another version of this page is there, or has to be. */
  readonly update = signal<'none' | 'ready' | 'required'>('none');

  readonly checked = computed(() => checkConfig(this.text.value));
  readonly ourselves = computed(() => readOurselves(this.text.value));
  readonly #privateKey = computed(() => this.ourselves.value.privateKey);
  /** Our public key, as far as there is a private one. */
  readonly publicKey = computed(() =>
    this.#privateKey.value ? derivePublicKey(this.#privateKey.value) : this.heldKey.value?.publicKey,
  );
  /** A key that counts while the text has none. */
  readonly heldKey = computed(() => {
    const opened = this.opened.value;
    return opened?.privateKey && !this.#privateKey.value ? opened : undefined;
  });
  readonly #relayPreference = new Preference('relay');

  constructor() {
    this.relayText.value = this.#relayPreference.read() ?? '';
    this.#receive();
  }

  #receive(): void {
    const next = arrival(() => this.#receive());
    if (next) this.arrival.value = next;
  }

  applySettings(settings: SiteSettings): void {
    const { urls } = readRelays(settings.relay.join(' '), new URL(location.href));
    this.#heed(settings);
    batch(() => {
      this.settings.value = { ...settings, relay: urls ?? [] };
      this.book.hasEnrolment = settings.enrol !== undefined;
      if (this.relayText.value === '' || !settings.policy.otherRelays)
        this.relayText.value = (urls ?? []).join(' ');
    });
  }

  /** What the site says about versions and about keeping the page for times without a network. */
  #heed({ minimumVersion, serviceWorker }: SiteSettings): void {
    if (minimumVersion !== undefined && isOlder(__VERSION__, minimumVersion)) this.update.value = 'required';
    if (!serviceWorker) void import('./pwa/install.ts').then((pwa) => pwa.endServiceWorker());
  }

  /** The page is kept for times without a network once it has been of use. */
  keepPage(): void {
    const isOfUse = computed(() => this.session.hasAnswered.value || this.book.tunnels.value.length > 0);
    effect(() => {
      if (!isOfUse.value || !this.settings.value.serviceWorker) return;
      const hooks = {
        onUpdate: () => {
          if (this.update.value === 'none') this.update.value = 'ready';
        },
        onReturn: () => void loadSettings().then((settings) => this.#heed(settings)),
      };
      void import('./pwa/install.ts').then((pwa) => pwa.startServiceWorker(hooks));
    });
  }

  async reload(): Promise<void> {
    const { reloadUpdated } = await import('./pwa/install.ts');
    await reloadUpdated();
  }

  /** What earlier visits kept; if this page was reloaded while one of them was connected, it is again, or asks for its passphrase. */
  async restore(): Promise<void> {
    if (this.arrival.value === undefined) this.returning = connectedBefore();
    await this.book.load();
    const saved = this.book.find(this.returning);
    if (saved?.secret.kind === 'key') {
      await this.openTunnel(saved.id, saved.name);
      await this.connect();
    }
  }

  setText(text: string): void {
    if (text.length > TEXT_LIMIT) {
      this.fileProblem.value =
        'This text is too long for a WireGuard configuration: paste that of the .conf file.';
      return;
    }
    batch(() => {
      this.text.value = text;
      this.beforeKeys.value = undefined;
      this.fileProblem.value = undefined;
      this.session.forgive();
    });
  }

  setRelay(text: string): void {
    this.relayText.value = text;
    const own = text.trim() !== '' && text.trim() !== this.settings.value.relay.join(' ');
    this.#relayPreference.write(own ? text.trim() : undefined);
  }

  /** One configuration goes into the editor; of several, each among the kept ones. */
  async openFiles(files: readonly File[]): Promise<void> {
    const { importFiles, keepAll, summed } = await import('./tunnels/import-files.ts');
    const { found, problems } = await importFiles(files);
    const [first] = found;
    if (found.length === 1) this.#take(first!.text);
    else problems.push(...(await keepAll(this.book, found, this.relayText.value.trim())));
    this.fileProblem.value = problems.length > 0 ? summed(problems) : undefined;
  }

  /** What a QR code said: a configuration, or a link that holds one. */
  takeScanned(text: string): void {
    this.scanning.value = false;
    if (isOffer(text)) this.#take(text);
    else this.fileProblem.value = NO_OFFER;
  }

  /** Out of a link, once somebody has looked at it; into the editor. An invitation gets a key of our own. */
  takeParcel({ text, relay }: Parcel, isInvite: boolean): void {
    this.arrival.value = undefined;
    this.renew(text);
    if (relay !== '' && this.settings.value.policy.otherRelays) this.relayText.value = relay;
    if (isInvite) this.generateKeys();
  }

  #take(text: string): void {
    const arrival = readArrival(text);
    if (arrival) this.arrival.value = arrival;
    else this.renew(text);
  }

  /** What stands in the editor, to be kept under a name; undefined while it cannot be read. */
  get current(): OpenedTunnel | undefined {
    const publicKey = this.publicKey.value;
    if (!this.checked.value.config || publicKey === undefined) return undefined;
    const { text, relayText, heldKey } = this;
    return {
      text: text.value,
      relay: relayText.value.trim(),
      publicKey,
      privateKey: heldKey.value?.privateKey,
    };
  }

  /** Out of the book into the editor; connecting is the next click. Whether it opened. */
  async openTunnel(id: string, name: string, passphrase?: string): Promise<boolean> {
    const tunnel = await this.book.open(id, passphrase);
    if (!tunnel) return false;
    this.renew(tunnel.text);
    this.opened.value = { ...tunnel, id, name };
    if (tunnel.relay !== '' && this.settings.value.policy.otherRelays) this.relayText.value = tunnel.relay;
    return true;
  }

  /** Another text altogether, which has nothing to do with the key of the one before. */
  renew(text: string): void {
    this.opened.value = undefined;
    this.setText(text);
  }

  generateKeys(): void {
    const before = this.text.value;
    this.setText(setPrivateKey(before, generatePrivateKey()));
    this.beforeKeys.value = before;
  }

  undoKeys(): void {
    if (this.beforeKeys.value !== undefined) this.setText(this.beforeKeys.value);
  }

  /** Connects with what stands in the editor; what is wrong with it is said instead. `takeOver`: from another tab. */
  async connect({ takeOver = false } = {}): Promise<void> {
    const config = this.#usable();
    if (config) await this.open(config, this.relayText.value, takeOver);
  }

  /** What `connect` would open a tunnel with; what is wrong with it is said instead. */
  async way(): Promise<Way | undefined> {
    const config = this.#usable();
    return config && this.#wayOf(config, this.relayText.value);
  }

  #usable(): TunnelConfig | undefined {
    const { config } = this.checked.value;
    const problem = this.#problem();
    if (problem === undefined) return config;
    this.session.refuse(problem);
    return undefined;
  }

  #problem(): string | undefined {
    const { config, issues } = this.checked.value;
    if (this.update.value === 'required')
      return 'This version of the page must not be used any more: reload it first.';
    if (this.text.value.trim() === '')
      return 'There is no configuration yet: paste one, drop a .conf file, or open it.';
    const wrong = issues.find(({ severity }) => severity === 'error');
    if (!config) return wrong ? capital(wrong.message) : 'This configuration cannot be read.';
    return this.#missingIn(config);
  }

  /** What can be read and yet not be used. */
  #missingIn({ interface: { privateKey, addresses } }: TunnelConfig): string | undefined {
    if (privateKey === undefined && !this.heldKey.value)
      return 'There is no PrivateKey in this configuration: add it, or press “Generate keys” and send the public one to whoever runs the server.';
    if (addresses.length === 0)
      return 'There is no Address in this configuration: ask whoever runs the server which one is yours.';
    return undefined;
  }

  async disconnect(): Promise<void> {
    this.ping.stop();
    this.download.stop();
    noteConnected(undefined);
    await this.session.disconnect();
  }

  /** Enrols with the demo network, connects, and shows a terminal, a ping and a download at once. */
  async tryDemo(): Promise<void> {
    const { demo } = this.settings.value;
    if (demo) await this.#enrolling(async () => (await import('./demo.ts')).tryDemo(this, demo.enrol));
  }

  /** Makes a key and asks the site for the configuration that goes with it; connecting is the next click. */
  async enrol(): Promise<void> {
    const { enrol: url } = this.settings.value;
    if (url === undefined) return;
    await this.#enrolling(async () => {
      const { enrolAt } = await import('./hooks.ts');
      const privateKey = generatePrivateKey();
      this.renew(setPrivateKey(await enrolAt(url, derivePublicKey(privateKey)), privateKey));
    });
  }

  /** One at a time; what goes wrong is said. */
  async #enrolling(work: () => Promise<void>): Promise<void> {
    if (this.enrolling.value) return;
    this.enrolling.value = true;
    try {
      await work();
    } catch (error) {
      this.session.refuse((error as Error).message);
    } finally {
      this.enrolling.value = false;
    }
  }

  async startPing(): Promise<void> {
    const tunnel = this.session.tunnel.value;
    const host = this.pingHost.value.trim();
    if (tunnel && host !== '')
      await this.ping.start(tunnel, host, (error) => this.session.adviseOn(error, host));
  }

  async startDownload(): Promise<void> {
    const tunnel = this.session.tunnel.value;
    const host = this.downloadHost.value.trim().replace(/^\[(.*)\]$/, '$1');
    const port = Number(this.downloadPort.value);
    if (!tunnel || host === '') return;
    const target = { host, port, path: this.downloadPath.value.trim() || '/' };
    const name = hostAndPort(host, port);
    await this.download.start(tunnel, target, (error) => this.session.adviseOn(error, name));
  }

  /** Whether it has begun; if not, it was said why. */
  async open(config: TunnelConfig, relayText: string, takeOver: boolean): Promise<boolean> {
    const way = await this.#wayOf(config, relayText);
    if (!way) return false;
    this.ping.clear();
    this.download.clear();
    await this.trial?.end();
    noteConnected(this.#opensAsSaved() ? this.opened.value?.id : undefined);
    this.returning = undefined;
    const { relays, token, privateKey } = way;
    return (await this.session.connect(config, relays, takeOver, token, privateKey)) !== undefined;
  }

  async #wayOf(config: TunnelConfig, relayText: string): Promise<Way | undefined> {
    const relays = this.#relays(relayText);
    if (!relays) return undefined;
    const { token, relay } = this.settings.value;
    // Tokens are for the site's own relays; nobody else is shown one.
    const isOwn = token !== undefined && relays.every((url) => relay.includes(url));
    const tokens = isOwn ? (await import('./hooks.ts')).tokensFrom(token) : undefined;
    return { config, relays, token: tokens, privateKey: this.heldKey.value?.privateKey };
  }

  /** What is to be connected is what the book has. */
  #opensAsSaved(): boolean {
    const opened = this.opened.value;
    return opened !== undefined && opened.text === this.text.value;
  }

  #relays(text: string): string[] | undefined {
    const { urls, problem } = readRelays(text, new URL(location.href));
    if (problem !== undefined) this.session.refuse(problem);
    return urls;
  }
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
