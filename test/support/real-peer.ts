// One real, unmodified WireGuard peer: wireguard-go whose UDP socket is on loopback (127.0.0.1 and [::1]) and whose
// tunnel interface is moved into a network namespace of its own, where its services run. No outer datagram leaves
// loopback. wireguard-go keeps its UDP socket in the namespace in which it started; its control socket is a file that
// all namespaces share, so `wg` works on it from here.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child, run, until } from './child-process.ts';
import { freeUdpPort } from './free-port.ts';
import { generateKeys, type KeyPair } from './keys.ts';
import { Namespace, uniqueName } from './namespace.ts';

/** One of the peer's peers: us, or another. */
export interface KnownPeer {
  /** Base64. */
  publicKey: string;
  presharedKey?: string;
  /** With it the peer can call first. */
  endpoint?: string;
  /** Seconds. */
  keepalive?: number;
  /** Default: our inner addresses. */
  allowedIps?: readonly string[];
}

export interface RealPeerOptions extends KnownPeer {
  mtu?: number;
  /** The peer's own inner addresses. */
  inner?: InnerAddresses;
  /** Further peers: it forwards between all of them. */
  others?: readonly KnownPeer[];
  /** Another wireguard-go than the one that is installed. */
  program?: string;
  /** Where its UDP socket is, on loopback there; absent: out here. */
  outside?: Namespace;
}

export interface InnerAddresses {
  peer4: string;
  peer6: string;
}

/** One peer's line of `wg show … dump`. */
export interface WgPeer {
  publicKey: string;
  hasPresharedKey: boolean;
  endpoint: string | undefined;
  allowedIps: string[];
  /** Milliseconds since 1970 (whole seconds), or undefined before the first handshake. */
  latestHandshake: number | undefined;
  rxBytes: number;
  txBytes: number;
}

/** Inner addresses. Each peer has a namespace to itself, so all may use the same. */
export const INNER = {
  peer4: '10.98.0.1',
  peer6: 'fd98::1',
  our4: '10.98.0.2',
  our6: 'fd98::2',
} as const;

/** Of the n-th peer (1–250), where one tunnel has several. */
export function innerOf(n: number): InnerAddresses {
  return { peer4: `10.98.${n}.1`, peer6: `fd98:0:0:${n}::1` };
}

export class RealPeer {
  readonly publicKey: string;
  readonly port: number;
  /** Of the outer UDP socket. */
  readonly endpoint: string;
  readonly endpoint6: string;
  readonly namespace: Namespace;
  readonly inner: InnerAddresses;
  readonly #privateKey: string;
  readonly #options: RealPeerOptions;
  #process: Child;

  private constructor(keys: KeyPair, port: number, namespace: Namespace, options: RealPeerOptions) {
    this.publicKey = keys.publicKey;
    this.port = port;
    this.endpoint = `127.0.0.1:${port}`;
    this.endpoint6 = `[::1]:${port}`;
    this.namespace = namespace;
    this.inner = options.inner ?? INNER;
    this.#privateKey = keys.privateKey;
    this.#options = options;
    this.#process = launch(namespace.name, options);
  }

  static async up(options: RealPeerOptions): Promise<RealPeer> {
    const port = await freeUdpPort();
    const namespace = await Namespace.create(uniqueName());
    const peer = new RealPeer(generateKeys(), port, namespace, options);
    try {
      await peer.#configure();
    } catch (error) {
      await peer.down();
      throw new Error(`wireguard-go did not come up\n${peer.log}`, { cause: error });
    }
    return peer;
  }

  /** Its interface, which has the namespace's name. */
  get device(): string {
    return this.namespace.name;
  }

  /** The process dies with all it knew; a new one starts with the same configuration. */
  async restart(): Promise<void> {
    await this.#process.stop('SIGKILL');
    rmSync(controlSocket(this.device), { force: true });
    this.#process = launch(this.device, this.#options);
    await this.#configure();
  }

  async #configure(): Promise<void> {
    const { device } = this;
    const { mtu = 1420, outside } = this.#options;
    const outer = outside ? ['-n', outside.name] : [];
    const sockets = (...args: string[]) => (outside ? outside.exec('ss', ...args) : run('ss', args));
    await until('the control socket', () => existsSync(controlSocket(device)));
    // A file, because wg(8) opens its argument, and Node's pipes are sockets, which cannot be opened.
    const folder = mkdtempSync(join(tmpdir(), 'tabwire-peer-'));
    try {
      writeFileSync(join(folder, 'conf'), peerConfig(this.#privateKey, this.port, this.#options), {
        mode: 0o600,
      });
      await run('wg', ['setconf', device, join(folder, 'conf')]);
    } finally {
      rmSync(folder, { recursive: true });
    }
    // Up here first: wireguard-go opens its UDP socket on the link event, which it sees only in this namespace.
    await run('ip', [...outer, 'link', 'set', device, 'mtu', String(mtu), 'up']);
    await until('the UDP socket', async () => (await sockets('-Hlun', `sport = :${this.port}`)) !== '');
    await run('ip', [...outer, 'link', 'set', device, 'netns', this.namespace.name]);
    const inside = ['-n', this.namespace.name];
    await run('ip', [...inside, 'addr', 'add', `${this.inner.peer4}/24`, 'dev', device]);
    // Linux has no IPv6 on a smaller link (RFC 8200 §5).
    if (mtu >= 1280)
      await run('ip', [...inside, '-6', 'addr', 'add', `${this.inner.peer6}/64`, 'dev', device, 'nodad']);
    await run('ip', [...inside, 'link', 'set', device, 'mtu', String(mtu), 'up']);
    for (const prefix of peersOf(this.#options).flatMap(allowedIpsOf))
      if (mtu >= 1280 || !prefix.includes(':'))
        await run('ip', [...inside, 'route', 'replace', prefix, 'dev', device]);
    if (this.#options.others) await this.forward();
  }

  /** Makes it a router: between its peers, or into the network behind it. */
  async forward(): Promise<void> {
    await this.exec('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
  }

  /** Runs a command inside the peer's namespace; gives back its standard output. */
  async exec(command: string, ...args: string[]): Promise<string> {
    return this.namespace.exec(command, ...args);
  }

  /** What `wg show` says about a peer of its own: us. */
  async show(publicKey = this.#options.publicKey): Promise<WgPeer> {
    const lines = (await run('wg', ['show', this.device, 'dump'])).trim().split('\n');
    return parseDumpLine(lines.find((line) => line.startsWith(publicKey)) ?? '');
  }

  /** `wg showconf`. */
  async showConfig(): Promise<string> {
    return run('wg', ['showconf', this.device]);
  }

  /** `wg set` on the peer's interface. */
  async set(...args: string[]): Promise<void> {
    await run('wg', ['set', this.device, ...args]);
  }

  /** wireguard-go's verbose log. */
  get log(): string {
    return this.#process.output;
  }

  /** Ends what `up` started, and only that. */
  async down(): Promise<void> {
    await this.#process.stop();
    await this.namespace.delete();
  }
}

/** What a user would give us for a tunnel to it. */
export function ourConfig(peer: RealPeer, privateKey: string, endpoint = peer.endpoint): string {
  return `[Interface]
PrivateKey = ${privateKey}
Address = ${INNER.our4}/24

[Peer]
PublicKey = ${peer.publicKey}
Endpoint = ${endpoint}
AllowedIPs = ${peer.inner.peer4}/32
`;
}

function controlSocket(device: string): string {
  return `/var/run/wireguard/${device}.sock`;
}

/** Debian's, unless all tests are asked to run with another one: a newer wireguard-go, or boringtun-cli. */
const PROGRAM = process.env.WIREGUARD_PEER ?? 'wireguard-go';

function launch(device: string, { program = PROGRAM, outside }: RealPeerOptions): Child {
  const args = ['--foreground', device];
  // WG_SUDO: boringtun remains root, or it could not be configured any more.
  const options = { env: { LOG_LEVEL: 'verbose', WG_SUDO: 'true', WG_LOG_LEVEL: 'debug' } };
  return outside ? outside.start(program, args, options) : new Child(program, args, options);
}

function peersOf(options: RealPeerOptions): readonly KnownPeer[] {
  return [options, ...(options.others ?? [])];
}

function allowedIpsOf(peer: KnownPeer): readonly string[] {
  return peer.allowedIps ?? [`${INNER.our4}/32`, `${INNER.our6}/128`];
}

function peerConfig(privateKey: string, port: number, options: RealPeerOptions): string {
  return [
    '[Interface]',
    `PrivateKey = ${privateKey}`,
    `ListenPort = ${port}`,
    ...peersOf(options).flatMap((peer) => [
      '[Peer]',
      `PublicKey = ${peer.publicKey}`,
      `AllowedIPs = ${allowedIpsOf(peer).join(', ')}`,
      ...(peer.presharedKey ? [`PresharedKey = ${peer.presharedKey}`] : []),
      ...(peer.endpoint ? [`Endpoint = ${peer.endpoint}`] : []),
      ...(peer.keepalive ? [`PersistentKeepalive = ${peer.keepalive}`] : []),
    ]),
    '',
  ].join('\n');
}

/** wg(8): public-key, preshared-key, endpoint, allowed-ips, latest-handshake, transfer-rx, transfer-tx, keepalive. */
function parseDumpLine(line: string): WgPeer {
  const fields = line.split('\t');
  if (fields.length < 8) throw new Error(`wg show dump: expected 8 fields, got ${fields.length}`);
  return {
    publicKey: fields[0]!,
    hasPresharedKey: fields[1] !== '(none)',
    endpoint: fields[2] === '(none)' ? undefined : fields[2]!,
    allowedIps: fields[3]!.split(','),
    latestHandshake: fields[4] === '0' ? undefined : Number(fields[4]) * 1000,
    rxBytes: Number(fields[5]),
    txBytes: Number(fields[6]),
  };
}
