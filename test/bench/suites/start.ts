import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { build } from 'vite';
import { generateKeys } from '../../support/keys.ts';
import { INNER, RealPeer } from '../../support/real-peer.ts';
import { DelayProxy } from '../delay-proxy.ts';
import { BrowserHost } from '../hosts/browser-host.ts';
import type { HostKind } from '../hosts/host.ts';
import type { Started } from '../hosts/page/start.ts';
import { BenchRelay } from '../hosts/relay-host.ts';
import { absence } from '../races.ts';
import { type Line, US } from '../report.ts';
import type { Pace, Suite } from '../suite.ts';
import { Table } from '../table.ts';

const root = join(import.meta.dirname, '../../..');
/** Between a page and its relay, in ms. */
const [ROUND_TRIP, LONG_ROUND_TRIP] = [40, 340];
const RELOADS = 3;
const ATTEMPTS = 3;
/** A page with an empty worker that calls the relay. */
const FLOOR = 'the browser alone';

export const start: Suite = {
  name: 'start',
  title: 'from nothing to a tunnel',
  tolerance: 0.3,
  targets: ['chromium', 'firefox'].flatMap((host) => [
    { host, line: 'navigation to ready, warm cache', value: 150 },
    { host, line: 'round trips after the WebSocket opened', value: 2.2 },
    { host, line: 'page, worker and WASM, brotli', value: 150 },
  ]),
  run: async (kinds, pace) => {
    const browsers = kinds.filter((kind) => kind !== 'node');
    const notes = browsers.flatMap((kind) => absence(kind) ?? []);
    const lines: Line[] = [];
    for (const kind of browsers) if (!absence(kind)) lines.push(...(await measureBrowser(kind, pace)));
    return { lines, notes };
  },
};

async function measureBrowser(kind: Exclude<HostKind, 'node'>, { rounds, isQuick }: Pace): Promise<Line[]> {
  await build({ configFile: join(root, 'vite.config.ts'), logLevel: 'warn' });
  const peer = await RealPeer.up({ publicKey: generateKeys().publicKey });
  try {
    const table = await new Starts(kind, peer).measure(rounds, isQuick ? 1 : RELOADS);
    return table.lines;
  } finally {
    await peer.down();
  }
}

/** Each with a browser that has seen nothing yet. */
class Starts {
  readonly #kind: Exclude<HostKind, 'node'>;
  readonly #peer: RealPeer;
  #table: Table | undefined;

  constructor(kind: Exclude<HostKind, 'node'>, peer: RealPeer) {
    this.#kind = kind;
    this.#peer = peer;
  }

  /** Of a key that nobody has had: a page that was reloaded is a second ahead for each time, and who comes without is too late. */
  async #newConfig(): Promise<string> {
    const { privateKey, publicKey } = generateKeys();
    await this.#peer.set('peer', publicKey, 'allowed-ips', `${INNER.our4}/32`);
    return `[Interface]
PrivateKey = ${privateKey}
Address = ${INNER.our4}/24
[Peer]
PublicKey = ${this.#peer.publicKey}
Endpoint = ${this.#peer.endpoint}
AllowedIPs = ${INNER.peer4}/32
`;
  }

  async measure(rounds: number, reloads: number): Promise<Table> {
    for (let round = 0; round < rounds; round++) {
      await this.#visit(0, async (host) => {
        this.#add('navigation to ready, cold cache', 'ms', (await host.call<Started>('started')).ready);
        for (let n = 0; n < reloads; n++)
          this.#add('navigation to ready, warm cache', 'ms', await reloaded(host));
        if (round > 0) return;
        this.#add('page, worker and WASM, brotli', 'kB', sumOf(host.served), true);
        this.#add('console, all of it, brotli', 'kB', sumOf(filesOf(join(root, 'dist/console'))), true);
      });
      await this.#visit(
        0,
        async (host) => {
          this.#add(
            'navigation to ready, cold cache',
            'ms',
            (await host.call<Started>('started')).ready,
            false,
            FLOOR,
          );
          for (let n = 0; n < reloads; n++)
            this.#add('navigation to ready, warm cache', 'ms', await reloaded(host), false, FLOOR);
        },
        'floor',
      );
      await this.#countTrips();
    }
    return this.#table!;
  }

  /** What a longer way adds is round trips, and nothing else: if it is quicker, something disturbed the shorter. */
  async #countTrips(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const [near, far] = [await this.#openToReady(ROUND_TRIP), await this.#openToReady(LONG_ROUND_TRIP)];
      const trips = (far - near) / (LONG_ROUND_TRIP - ROUND_TRIP);
      if (trips < 0 && attempt === ATTEMPTS)
        throw new Error(`ready after ${far} ms on the longer way, ${near} ms on the shorter`);
      if (trips < 0) continue;
      this.#add('WebSocket open to ready at 40 ms', 'ms', near);
      this.#add('round trips after the WebSocket opened', 'trips', trips, true);
      return;
    }
  }

  /** ms. */
  async #openToReady(roundTrip: number): Promise<number> {
    let took = 0;
    await this.#visit(roundTrip / 2, async (host, proxy) => {
      took = (await host.call<Started>('started')).at - proxy.answeredAt;
    });
    return took;
  }

  #add(name: string, unit: string, value: number, isFixed = false, who = US): void {
    this.#table!.add(name, unit, who, value, isFixed);
  }

  /** `delay`: of the way to the relay. */
  async #visit(
    delay: number,
    look: (host: BrowserHost, proxy: DelayProxy) => Promise<void>,
    page: 'start' | 'floor' = 'start',
  ): Promise<void> {
    const config = await this.#newConfig();
    let relay: BenchRelay | undefined;
    let proxy: DelayProxy | undefined;
    let host: BrowserHost | undefined;
    try {
      host = await BrowserHost.openAt(this.#kind, async (origin) => {
        relay = await BenchRelay.start(this.#peer.endpoint, origin);
        proxy = await DelayProxy.start(relay.port, delay);
        const via = delay === 0 ? relay.port : proxy.port;
        const wish = { config, relay: `ws://127.0.0.1:${via}/v1` };
        return `/${page}.html#${encodeURIComponent(JSON.stringify(wish))}`;
      });
      this.#table ??= new Table(host.name);
      await look(host, proxy!);
    } finally {
      await host?.close();
      await proxy?.stop();
      await relay?.stop();
    }
  }
}

/** Who reloads does not answer. */
async function reloaded(host: BrowserHost): Promise<number> {
  host.call('reload').catch(() => {});
  return (await host.call<Started>('started')).ready;
}

/** As a web server sends them that compresses as well as it can. */
function sumOf(files: Iterable<string>): number {
  const params = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
  let bytes = 0;
  for (const file of files) bytes += brotliCompressSync(readFileSync(file), { params }).length;
  return bytes / 1000;
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(html|js|css|wasm)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}
