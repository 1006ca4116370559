// wireguard-go with iperf3 and nginx behind it, and two who reach it: a page through the relay, and another wireguard-go with
// the kernel's TCP. All outer datagrams stay on loopback.
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../../support/child-process.ts';
import { generateKeys } from '../../support/keys.ts';
import { Nginx } from '../../support/nginx.ts';
import { startIperf3 } from '../../support/programs.ts';
import { INNER, RealPeer } from '../../support/real-peer.ts';

const NATIVE = { peer4: '10.98.0.3', peer6: 'fd98::3' };
/** Of a server that has just served someone else. */
const TRIES = 20;

export class WireguardPair {
  /** Who serves. */
  readonly server: RealPeer;
  /** The page's configuration. */
  readonly config: string;
  readonly #native: RealPeer;
  readonly #nginx: Nginx;

  private constructor(server: RealPeer, native: RealPeer, nginx: Nginx, config: string) {
    this.server = server;
    this.#native = native;
    this.#nginx = nginx;
    this.config = config;
  }

  /** `program`: a wireguard-go; default: the one that is installed. */
  static async up(program?: string): Promise<WireguardPair> {
    if (program !== undefined && !existsSync(program)) throw new Error(`there is no ${program}`);
    const ours = generateKeys();
    const chosen = program === undefined ? {} : { program };
    const server = await RealPeer.up({ publicKey: ours.publicKey, ...chosen });
    const native = await RealPeer.up({
      publicKey: server.publicKey,
      endpoint: server.endpoint,
      allowedIps: [`${INNER.peer4}/32`],
      inner: NATIVE,
      ...chosen,
    });
    await server.set('peer', native.publicKey, 'allowed-ips', `${NATIVE.peer4}/32`);
    await startIperf3(server.namespace);
    const nginx = await Nginx.start(server.namespace, [1024]);
    const config = `[Interface]
PrivateKey = ${ours.privateKey}
Address = ${INNER.our4}/24
[Peer]
PublicKey = ${server.publicKey}
Endpoint = ${server.endpoint}
AllowedIPs = ${INNER.peer4}/32
`;
    const pair = new WireguardPair(server, native, nginx, config);
    await until('the native session', () => pair.ping(1, 200).then(({ length }) => length > 0), 20_000);
    return pair;
  }

  /** MB/s of the native pair, as the receiving side counts. */
  async iperf(isReverse: boolean, omit: number, seconds: number): Promise<number> {
    const args = ['-J', '-c', INNER.peer4, '-C', 'cubic', '-O', `${omit}`, '-t', `${seconds}`];
    return patiently(async () => {
      const text = await this.#native.exec('iperf3', ...args, ...(isReverse ? ['-R'] : []));
      const { end } = JSON.parse(text) as { end: { sum_received: { bits_per_second: number } } };
      return end.sum_received.bits_per_second / 8e6;
    });
  }

  /** Each round trip of the native pair in ms. */
  async ping(count: number, interval: number): Promise<number[]> {
    const args = ['-n', '-c', `${count}`, '-i', `${interval / 1000}`, '-W', '1', INNER.peer4];
    const text = await this.#native.exec('ping', ...args).catch(() => '');
    return [...text.matchAll(/time=([\d.]+) ms/g)].map(([, time]) => Number(time));
  }

  async down(): Promise<void> {
    await this.#nginx.stop();
    await this.#native.down();
    await this.server.down();
  }
}

/** Until the server takes whoever comes. */
export async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let left = TRIES; ; left--)
    try {
      return await work();
    } catch (error) {
      if (left === 0) throw error;
      await delay(200);
    }
}
