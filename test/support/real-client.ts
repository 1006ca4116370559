// A wireguard-go that calls a peer, with a private key that it is given, and pings it. Its interface lives in a namespace
// of its own, as real-peer.ts explains.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child, run, until } from './child-process.ts';
import { Namespace, uniqueName } from './namespace.ts';
import { INNER, type RealPeer } from './real-peer.ts';

export class RealClient {
  readonly #namespace: Namespace;
  readonly #process: Child;

  private constructor(namespace: Namespace, process: Child) {
    this.#namespace = namespace;
    this.#process = process;
  }

  /** `ping`: seconds between pings to the peer. */
  static async up(peer: RealPeer, privateKey: string, ping: number): Promise<RealClient> {
    const name = uniqueName();
    const namespace = await Namespace.create(name);
    const wireguard = new Child('wireguard-go', ['--foreground', name], { env: { LOG_LEVEL: 'verbose' } });
    const client = new RealClient(namespace, wireguard);
    try {
      await until('the control socket', () => existsSync(`/var/run/wireguard/${name}.sock`));
      const folder = mkdtempSync(join(tmpdir(), 'tabwire-client-'));
      try {
        writeFileSync(join(folder, 'conf'), configFor(peer, privateKey), { mode: 0o600 });
        await run('wg', ['setconf', name, join(folder, 'conf')]);
      } finally {
        rmSync(folder, { recursive: true });
      }
      await run('ip', ['link', 'set', name, 'up']);
      await run('ip', ['link', 'set', name, 'netns', name]);
      await run('ip', ['-n', name, 'addr', 'add', `${INNER.our4}/24`, 'dev', name]);
      await run('ip', ['-n', name, 'link', 'set', name, 'up']);
      namespace.start('ping', ['-n', '-i', String(ping), INNER.peer4]);
    } catch (error) {
      await client.down();
      throw error;
    }
    return client;
  }

  /** wireguard-go's verbose log. */
  get log(): string {
    return this.#process.output;
  }

  async down(): Promise<void> {
    await this.#process.stop();
    await this.#namespace.delete();
  }
}

function configFor(peer: RealPeer, privateKey: string): string {
  return `[Interface]
PrivateKey = ${privateKey}
[Peer]
PublicKey = ${peer.publicKey}
Endpoint = ${peer.endpoint}
AllowedIPs = ${INNER.peer4}/32
PersistentKeepalive = 25
`;
}
