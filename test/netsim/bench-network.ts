import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child, run } from '../support/child-process.ts';
import { Namespace, uniqueName } from '../support/namespace.ts';
import { compiled } from './build.ts';
import { type LinkProfile, type NetworkReport, printLink } from './link-profile.ts';

/** Who is at an end: Linux, in a namespace of its own, or a process of ours, over a socket. */
export interface EndWish {
  is: 'linux' | 'ours';
  /** With the length of their prefix. */
  addresses: readonly string[];
  /** Linux: a namespace that is there already, and stays; default: a new one. */
  namespace?: Namespace;
  /** Linux: of the interface; default: `bench`. */
  device?: string;
  /** Linux: of the interface, where it differs from the network's. */
  mtu?: number;
}

export interface NetworkWish {
  /** One end a side, or several that share the side's link. */
  a: readonly EndWish[];
  b: readonly EndWish[];
  ab: LinkProfile;
  ba: LinkProfile;
  seed: number;
  mtu: number;
  /** Writes what side A sees to a file, and what B does to another. */
  capture?: string;
  captureB?: string;
}

export interface NetworkEnd {
  readonly addresses: readonly string[];
  /** Linux's. */
  readonly namespace: Namespace | undefined;
  readonly isOwner: boolean;
  readonly device: string;
  readonly mtu: number | undefined;
  /** Ours: where our process connects to. */
  readonly path: string | undefined;
}

const DEVICE = 'bench';
/** More than any burst, so that nothing is lost where it is not counted. */
const DEVICE_QUEUE = 10_000;

/** Two sides with a bad network between them (c/impair.c). */
export class BenchNetwork {
  readonly a: NetworkEnd[] = [];
  readonly b: NetworkEnd[] = [];
  #process: Child | undefined;
  #reports = 0;
  readonly #wish: NetworkWish;

  private constructor(wish: NetworkWish) {
    this.#wish = wish;
  }

  static async up(wish: NetworkWish): Promise<BenchNetwork> {
    const network = new BenchNetwork(wish);
    try {
      await network.#up();
    } catch (error) {
      await network.#clear();
      throw error;
    }
    return network;
  }

  async #up(): Promise<void> {
    const { a, b, ab, ba, seed, mtu, capture, captureB } = this.#wish;
    for (const wish of a) this.a.push(await makeEnd(wish));
    for (const wish of b) this.b.push(await makeEnd(wish));
    this.#process = new Child(await compiled('impair'), [
      ...['--seed', String(seed), '--ab', printLink(ab), '--ba', printLink(ba)],
      ...this.a.flatMap((end) => ['--a', printEnd(end)]),
      ...this.b.flatMap((end) => ['--b', printEnd(end)]),
      ...(capture ? ['--pcap-a', capture] : []),
      ...(captureB ? ['--pcap-b', captureB] : []),
    ]);
    await this.#process.saw(/^ready$/m);
    for (const end of [...this.a, ...this.b]) if (end.namespace) await bringUp(end.namespace, end, mtu);
  }

  /** What the network did since the last time, or in all. */
  async report(): Promise<NetworkReport> {
    this.#process!.process.kill('SIGUSR1');
    return this.#nextReport();
  }

  /** Takes everything down; says what the network did since the last report. */
  async down(): Promise<NetworkReport> {
    await this.#process!.stop();
    try {
      return await this.#nextReport();
    } finally {
      await this.#clear();
    }
  }

  async #nextReport(): Promise<NetworkReport> {
    const [, json] = await this.#process!.saw(
      new RegExp(`(?:^\\{.*\\}$\\s*){${this.#reports++}}^(\\{.*\\})$`, 'm'),
    );
    return JSON.parse(json!) as NetworkReport;
  }

  async #clear(): Promise<void> {
    await this.#process?.stop();
    for (const { namespace, isOwner, path } of [...this.a, ...this.b]) {
      if (isOwner) await namespace?.delete();
      if (path) rmSync(path, { force: true });
    }
  }
}

async function makeEnd({ is, addresses, namespace, device = DEVICE, mtu }: EndWish): Promise<NetworkEnd> {
  const name = uniqueName();
  const isOwner = namespace === undefined;
  if (is === 'ours')
    return { addresses, namespace: undefined, isOwner, device, mtu, path: join(tmpdir(), `${name}.sock`) };
  namespace ??= await Namespace.create(name);
  return { addresses, namespace, isOwner, device, mtu, path: undefined };
}

function printEnd({ namespace, device, path, addresses }: NetworkEnd): string {
  const place = namespace ? `tun:${namespace.name}:${device}` : `unix:${path}`;
  return [place, ...addresses.map((address) => address.split('/')[0]!)].join(',');
}

async function bringUp(namespace: Namespace, end: NetworkEnd, networkMtu: number): Promise<void> {
  const { addresses, device, mtu = networkMtu } = end;
  const commands = [
    ...addresses.map((address) =>
      address.includes(':')
        ? `-6 addr add ${address} dev ${device} nodad`
        : `addr add ${address} dev ${device}`,
    ),
    `link set ${device} mtu ${mtu} txqueuelen ${DEVICE_QUEUE} up`,
  ];
  for (const command of commands) await run('ip', ['-n', namespace.name, ...command.split(' ')]);
}
