// One real, unmodified WireGuard peer: wireguard-go whose UDP socket is on loopback (127.0.0.1 and [::1]) and whose
// tunnel interface is moved into a network namespace of its own, where its services run. No outer datagram leaves
// loopback. wireguard-go keeps its UDP socket in the namespace in which it started; its control socket is a file that
// all namespaces share, so `wg` works on it from here.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child, run, until } from './child-process.ts';
import { freeUdpPort } from './free-port.ts';
import { generateKeys } from './keys.ts';
import { Namespace, uniqueName } from './namespace.ts';

export interface RealPeerOptions {
  /** Our public key, base64. */
  publicKey: string;
  presharedKey?: string;
  /** Ours; with it the peer can call first. */
  endpoint?: string;
  /** Seconds. */
  keepalive?: number;
  mtu?: number;
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

export class RealPeer {
  readonly publicKey: string;
  readonly port: number;
  /** Of the outer UDP socket. */
  readonly endpoint: string;
  readonly endpoint6: string;
  readonly namespace: Namespace;
  readonly #interface: string;
  readonly #process: Child;

  private constructor(publicKey: string, port: number, namespace: Namespace, wireguard: Child) {
    this.publicKey = publicKey;
    this.port = port;
    this.endpoint = `127.0.0.1:${port}`;
    this.endpoint6 = `[::1]:${port}`;
    this.namespace = namespace;
    this.#interface = namespace.name;
    this.#process = wireguard;
  }

  static async up(options: RealPeerOptions): Promise<RealPeer> {
    const name = uniqueName();
    const keys = generateKeys();
    const port = await freeUdpPort();
    const namespace = await Namespace.create(name);
    const wireguard = new Child('wireguard-go', ['--foreground', name], { env: { LOG_LEVEL: 'verbose' } });
    const peer = new RealPeer(keys.publicKey, port, namespace, wireguard);
    try {
      await peer.#configure(keys.privateKey, options);
    } catch (error) {
      await peer.down();
      throw new Error(`wireguard-go did not come up\n${wireguard.output}`, { cause: error });
    }
    return peer;
  }

  async #configure(privateKey: string, options: RealPeerOptions): Promise<void> {
    const device = this.#interface;
    const { mtu = 1420 } = options;
    await until('the control socket', () => existsSync(`/var/run/wireguard/${device}.sock`));
    // A file, because wg(8) opens its argument, and Node's pipes are sockets, which cannot be opened.
    const folder = mkdtempSync(join(tmpdir(), 'tabwire-peer-'));
    try {
      writeFileSync(join(folder, 'conf'), peerConfig(privateKey, this.port, options), { mode: 0o600 });
      await run('wg', ['setconf', device, join(folder, 'conf')]);
    } finally {
      rmSync(folder, { recursive: true });
    }
    // Up here first: wireguard-go opens its UDP socket on the link event, which it sees only in this namespace.
    await run('ip', ['link', 'set', device, 'mtu', String(mtu), 'up']);
    await until('the UDP socket', async () => (await run('ss', ['-Hlun', `sport = :${this.port}`])) !== '');
    await run('ip', ['link', 'set', device, 'netns', this.namespace.name]);
    const inside = ['-n', this.namespace.name];
    await run('ip', [...inside, 'addr', 'add', `${INNER.peer4}/24`, 'dev', device]);
    // Linux has no IPv6 on a smaller link (RFC 8200 §5).
    if (mtu >= 1280)
      await run('ip', [...inside, '-6', 'addr', 'add', `${INNER.peer6}/64`, 'dev', device, 'nodad']);
    await run('ip', [...inside, 'link', 'set', device, 'mtu', String(mtu), 'up']);
  }

  /** Runs a command inside the peer's namespace; gives back its standard output. */
  async exec(command: string, ...args: string[]): Promise<string> {
    return this.namespace.exec(command, ...args);
  }

  /** What `wg show` says about its one peer: us. */
  async show(): Promise<WgPeer> {
    const lines = (await run('wg', ['show', this.#interface, 'dump'])).trim().split('\n');
    return parseDumpLine(lines[1] ?? '');
  }

  /** `wg set` on the peer's interface. */
  async set(...args: string[]): Promise<void> {
    await run('wg', ['set', this.#interface, ...args]);
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

function peerConfig(privateKey: string, port: number, options: RealPeerOptions): string {
  return [
    '[Interface]',
    `PrivateKey = ${privateKey}`,
    `ListenPort = ${port}`,
    '[Peer]',
    `PublicKey = ${options.publicKey}`,
    `AllowedIPs = ${INNER.our4}/32, ${INNER.our6}/128`,
    ...(options.presharedKey ? [`PresharedKey = ${options.presharedKey}`] : []),
    ...(options.endpoint ? [`Endpoint = ${options.endpoint}`] : []),
    ...(options.keepalive ? [`PersistentKeepalive = ${options.keepalive}`] : []),
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
