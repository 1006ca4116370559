import { Child, run, until } from './child-process.ts';
import { freeUdpPort } from './free-port.ts';
import type { Namespace } from './namespace.ts';

/** What it knows: addresses of one name, an alias of it, and two texts. */
export const DNS_RECORDS = {
  host: { name: 'host.inside.test', ipv4: '10.98.7.7', ipv6: 'fd98::7:7' },
  alias: 'alias.inside.test',
  /** Too large for 512 bytes, and not for 1232. */
  medium: { name: 'medium.inside.test', strings: texts(4) },
  /** Too large for 1232 bytes, and not for 4096. */
  large: { name: 'large.inside.test', strings: texts(12) },
} as const;

/** Debian's dnsmasq, which knows all of `test` by itself and asks nobody; UDP and TCP. */
export class Dnsmasq {
  readonly port: number;
  readonly #process: Child;

  private constructor(port: number, dnsmasq: Child) {
    this.port = port;
    this.#process = dnsmasq;
  }

  /** On port 53 of every address inside a namespace, unless `more` arguments say otherwise. */
  static async inside(namespace: Namespace, more: readonly string[] = []): Promise<Dnsmasq> {
    const child = namespace.start('dnsmasq', [...ARGUMENTS, '--port=53', ...more]);
    return Dnsmasq.#ready(53, child, (filter) => namespace.exec('ss', '-Hltn', filter));
  }

  /** On a free port of 127.0.0.1 out here. */
  static async outside(): Promise<Dnsmasq> {
    const port = await freeUdpPort();
    const here = ['--listen-address=127.0.0.1', '--bind-interfaces', `--port=${port}`];
    const child = new Child('dnsmasq', [...ARGUMENTS, ...here]);
    return Dnsmasq.#ready(port, child, (filter) => run('ss', ['-Hltn', filter]));
  }

  static async #ready(
    port: number,
    child: Child,
    sockets: (filter: string) => Promise<string>,
  ): Promise<Dnsmasq> {
    const server = new Dnsmasq(port, child);
    try {
      await until('dnsmasq listens', async () => {
        if (!child.running) throw new Error(`dnsmasq ended\n${child.output}`);
        return (await sockets(`sport = :${port}`)) !== '';
      });
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  /** Its log of queries. */
  get output(): string {
    return this.#process.output;
  }

  async stop(): Promise<void> {
    await this.#process.stop();
  }
}

const ARGUMENTS = [
  ...['--keep-in-foreground', '--conf-file=/dev/null', '--pid-file', '--user=root'],
  ...['--log-facility=-', '--log-queries'],
  ...['--no-resolv', '--no-hosts', '--local=/test/', '--edns-packet-max=4096'],
  `--host-record=${DNS_RECORDS.host.name},${DNS_RECORDS.host.ipv4},${DNS_RECORDS.host.ipv6}`,
  `--cname=${DNS_RECORDS.alias},${DNS_RECORDS.host.name}`,
  ...[DNS_RECORDS.medium, DNS_RECORDS.large].map(
    ({ name, strings }) => `--txt-record=${[name, ...strings].join(',')}`,
  ),
];

/** So many strings of 200 bytes. */
function texts(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${n}-`.padEnd(200, 'abcdefghij'));
}
