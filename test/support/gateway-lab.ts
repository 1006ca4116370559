// `tabwire gateway` beside servers in one namespace, and Linux behind wireguard-go in another, which reaches those only
// through the tunnel. Every datagram of either stays in a namespace of the test's own.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Child } from './child-process.ts';
import { generateKeys, type KeyPair } from './keys.ts';
import { Namespace, uniqueName } from './namespace.ts';
import { INNER, RealPeer } from './real-peer.ts';

const MAIN = join(import.meta.dirname, '../../src/cli/main.ts');
const SERVICES = join(import.meta.dirname, 'inner-services.ts');
const PORT = 51820;

/** Addresses of the gateway's network, which are its own, so that no second machine is needed. */
export const SERVER = { ipv4: '192.0.2.10', ipv6: '2001:db8:77::10' } as const;
/** Where a cloud has its metadata. */
export const METADATA = '169.254.169.254';
/** In no rule and nowhere at all. */
export const NOWHERE = '198.51.100.1';

export class GatewayLab {
  /** The gateway's and the servers'. */
  readonly site: Namespace;
  client!: RealPeer;
  gateway!: Child;
  /** Of a second peer, at 10.98.0.3. */
  readonly secondKeys: KeyPair = generateKeys();
  readonly #keys = generateKeys();
  readonly #folder = mkdtempSync(join(tmpdir(), 'tabwire-gateway-'));
  /** The gateway's configuration. */
  readonly file = join(this.#folder, 'gateway.conf');

  private constructor(site: Namespace) {
    this.site = site;
  }

  /** `rules`: each is an --allow. `isPowerless`: the gateway has none of root's capabilities. */
  static async up(rules: readonly string[], { isPowerless = false } = {}): Promise<GatewayLab> {
    const lab = new GatewayLab(await Namespace.create(uniqueName()));
    try {
      await lab.#up(rules, isPowerless);
    } catch (error) {
      await lab.down();
      throw error;
    }
    return lab;
  }

  /** Runs a program of the client's. */
  exec(command: string, ...args: string[]): Promise<string> {
    return this.client.exec(command, ...args);
  }

  /** What a second peer, in the gateway's own namespace, would be given. */
  get secondFile(): string {
    const file = join(this.#folder, 'second.conf');
    const config = `[Interface]
PrivateKey = ${this.secondKeys.privateKey}
Address = 10.98.0.3/24
[Peer]
PublicKey = ${this.#keys.publicKey}
Endpoint = 127.0.0.1:${PORT}
AllowedIPs = ${SERVER.ipv4}/32
`;
    writeFileSync(file, config, { mode: 0o600 });
    return file;
  }

  /** The echo and sink services of inner-services.ts. */
  async startServices(): Promise<Child> {
    const services = this.site.start(process.execPath, ['--import', 'tsx', SERVICES]);
    await services.saw(/^ready$/m);
    return services;
  }

  tabwire(...args: string[]): Child {
    return this.site.start(process.execPath, ['--import', 'tsx', MAIN, ...args]);
  }

  async down(): Promise<void> {
    await this.gateway?.stop();
    await this.client?.down();
    await this.site.delete();
    rmSync(this.#folder, { recursive: true });
  }

  async #up(rules: readonly string[], isPowerless: boolean): Promise<void> {
    const { site } = this;
    for (const address of [`${SERVER.ipv4}/32`, `${SERVER.ipv6}/128`, `${METADATA}/32`])
      await site.exec('ip', 'addr', 'add', address, 'dev', 'lo');
    this.client = await RealPeer.up({
      publicKey: this.#keys.publicKey,
      endpoint: `127.0.0.1:${PORT}`,
      outside: site,
      allowedIps: [
        ...[`${INNER.our4}/32`, `${INNER.our6}/128`],
        ...[`${SERVER.ipv4}/32`, `${SERVER.ipv6}/128`, `${METADATA}/32`, `${NOWHERE}/32`],
      ],
    });
    writeFileSync(this.file, this.#config(), { mode: 0o600 });
    const words = ['gateway', this.file, ...rules.flatMap((rule) => ['--allow', rule])];
    this.gateway = isPowerless ? this.#powerless(words) : this.tabwire(...words);
    await this.gateway.saw(/ is ready, on UDP port /, 15_000);
  }

  #powerless(words: readonly string[]): Child {
    const none = ['--bounding-set=-all', '--inh-caps=-all', '--no-new-privs'];
    return this.site.start('setpriv', [...none, process.execPath, '--import', 'tsx', MAIN, ...words]);
  }

  #config(): string {
    return `[Interface]
PrivateKey = ${this.#keys.privateKey}
Address = ${INNER.our4}/24, ${INNER.our6}/64
ListenPort = ${PORT}
[Peer]
PublicKey = ${this.client.publicKey}
AllowedIPs = ${INNER.peer4}/32, ${INNER.peer6}/128
[Peer]
PublicKey = ${this.secondKeys.publicKey}
AllowedIPs = 10.98.0.3/32
`;
  }
}
