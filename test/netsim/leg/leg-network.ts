// A client and its WireGuard peer with a bad network between them. Ours: Tunnel → WebSocket through the bad network →
// relay → UDP on loopback → wireguard-go. Native: wireguard-go → UDP through the bad network → wireguard-go.
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { issueToken } from '../../../src/relay-host/index.ts';
import { type Child, run, until } from '../../support/child-process.ts';
import { generateKeys, type KeyPair } from '../../support/keys.ts';
import { type Namespace, uniqueName } from '../../support/namespace.ts';
import { BenchNetwork } from '../bench-network.ts';
import type { LinkProfile, NetworkReport } from '../link-profile.ts';
import type { ClientWish } from './client.ts';
import { type Passage, passages } from './outer-way.ts';
import { clock, type Phase, type StreamResult } from './protocol.ts';

export type Kind = 'ours' | 'native';

export interface LegWish {
  kind: Kind;
  up: LinkProfile;
  down: LinkProfile;
  seed: number;
  milliseconds: number;
}

/** A phase, and what the network did in it. */
export interface Measured extends Phase {
  network: NetworkReport;
  /** Ours: how long each of the stream's datagrams was on the way between the two kernels, in ms. */
  way?: { down: number[]; up: number[] };
}

const OUTER = { client: '10.10.0.2', peer: '10.10.0.1' } as const;
const INNER = { client: '10.98.0.2', peer: '10.98.0.1' } as const;
const WIREGUARD_PORT = 51820;
const RELAY_PORT = 8080;
/** Of the peer, as the relay reaches it. */
const ENDPOINT = `127.0.0.1:${WIREGUARD_PORT}`;
const OUTER_MTU = 1500;
const INNER_MTU = 1420;
/** More than this, in ms, and two programs' clocks would not be one. */
const CLOCK_ERROR = 1;

const root = join(import.meta.dirname, '../../..');

/** Brings everything up, lets the client measure, and takes everything down. */
export async function measureLeg(wish: LegWish): Promise<Measured[]> {
  const folder = mkdtempSync(join(tmpdir(), 'tabwire-leg-'));
  const captures = { client: join(folder, 'client.pcap'), peer: join(folder, 'peer.pcap') };
  try {
    const phases = await measure(wish, captures);
    if (wish.kind === 'ours') takeApart(phases, captures);
    return phases;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface Captures {
  client: string;
  peer: string;
}

async function measure(wish: LegWish, captures: Captures): Promise<Measured[]> {
  const network = await BenchNetwork.up({
    a: [{ is: 'linux', addresses: [`${OUTER.client}/24`] }],
    b: [{ is: 'linux', addresses: [`${OUTER.peer}/24`] }],
    ab: wish.up,
    ba: wish.down,
    seed: wish.seed,
    mtu: OUTER_MTU,
    ...(wish.kind === 'ours' && { capture: captures.client, captureB: captures.peer }),
  });
  try {
    const [client, peer] = [network.a[0]!.namespace!, network.b[0]!.namespace!];
    for (const namespace of [client, peer]) await useCubic(namespace, '10.10.0.0/24', 'bench');
    const keys = { client: generateKeys(), peer: generateKeys() };
    const signer = generateKeyPairSync('ed25519');
    await startWireGuard(peer, INNER.peer, peerConfig(keys));
    const services = peer.start(process.execPath, tsx('test/netsim/leg/services.ts'));
    await services.saw(/^ready$/m, 30_000);
    const { kind, milliseconds } = wish;
    if (kind === 'ours') await startRelay(peer, signer.publicKey);
    else await startWireGuard(client, INNER.client, clientConfig(keys, `${OUTER.peer}:${WIREGUARD_PORT}`));
    return await runClient(client, network, {
      host: INNER.peer,
      milliseconds,
      ...(kind === 'ours' && {
        tunnel: {
          config: tunnelConfig(keys),
          relay: `ws://${OUTER.peer}:${RELAY_PORT}/v1`,
          token: await issueToken(
            signer.privateKey,
            { subject: 'leg', destinations: [ENDPOINT] },
            Date.now(),
          ),
        },
      }),
    });
  } finally {
    await network.down();
  }
}

async function runClient(namespace: Namespace, network: BenchNetwork, wish: ClientWish): Promise<Measured[]> {
  const program = namespace.start(process.execPath, [
    ...tsx('test/netsim/leg/client.ts'),
    JSON.stringify(wish),
  ]);
  const reports: NetworkReport[] = [];
  for (const phase of ['none', 'down', 'up']) {
    await program.saw(new RegExp(`^begin ${phase}$`, 'm'), 60_000);
    await network.report();
    await program.saw(new RegExp(`^end ${phase}$`, 'm'), wish.milliseconds + 10_000);
    reports.push(await network.report());
  }
  const [json] = await program.saw(/^\[.*\]$/m, 60_000);
  await program.stop();
  return (JSON.parse(json) as Phase[]).map((phase, i) => ({ ...phase, network: reports[i]! }));
}

/** Datagrams of the stream arrive in the order in which they left, so their numbers among all say which is which. */
function takeApart(phases: Measured[], { client, peer }: Captures): void {
  const down = new Walk(passages(peer, client, OUTER.peer, RELAY_PORT));
  const up = new Walk(passages(client, peer, OUTER.client, RELAY_PORT));
  for (const phase of phases) phase.way = { down: down.waysOf(phase.down), up: up.waysOf(phase.up) };
}

class Walk {
  readonly #passages: readonly Passage[];
  /** Those that passed, but never arrived: a host was too busy to take them. */
  #lost = 0;
  /** Captures tell the time of day, the programs the machine's. */
  readonly #epoch = performance.timeOrigin + performance.now() - clock();

  constructor(passages: readonly Passage[]) {
    this.#passages = passages;
  }

  waysOf({ before, left }: StreamResult): number[] {
    return left.map((at, i) => {
      const index = before + i;
      // What passed before it was even sent was another one.
      while ((this.#passages[index + this.#lost]?.left ?? Number.NaN) - this.#epoch < at - CLOCK_ERROR)
        this.#lost++;
      const passage = this.#passages[index + this.#lost];
      return passage ? passage.arrived - passage.left : Number.NaN;
    });
  }
}

/** The default is the machine's: BBR here, where most have CUBIC. A namespace's own cannot be set, a route's can. */
async function useCubic(namespace: Namespace, prefix: string, device: string): Promise<void> {
  await namespace.exec('ip', 'route', 'replace', prefix, 'dev', device, 'congctl', 'cubic');
}

/** wireguard-go wholly inside a namespace: its interface and its UDP socket. */
async function startWireGuard(namespace: Namespace, address: string, config: string): Promise<Child> {
  const device = uniqueName();
  const control = `/var/run/wireguard/${device}.sock`;
  const child = namespace.start('wireguard-go', ['--foreground', device]);
  await until('the control socket', () => existsSync(control));
  const folder = mkdtempSync(join(tmpdir(), 'tabwire-leg-'));
  try {
    writeFileSync(join(folder, 'conf'), config, { mode: 0o600 });
    await run('wg', ['setconf', device, join(folder, 'conf')]);
  } finally {
    rmSync(folder, { recursive: true });
  }
  await namespace.exec('ip', 'addr', 'add', `${address}/24`, 'dev', device);
  await namespace.exec('ip', 'link', 'set', device, 'mtu', String(INNER_MTU), 'up');
  await useCubic(namespace, '10.98.0.0/24', device);
  return child;
}

/** Programs have no origin, and need a token of a relay that others can reach. */
async function startRelay(namespace: Namespace, tokenKey: KeyObject): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tabwire-leg-'));
  try {
    const keyFile = join(folder, 'token.pub');
    writeFileSync(keyFile, tokenKey.export({ type: 'spki', format: 'pem' }));
    const relay = namespace.start(process.execPath, [
      ...tsx('src/cli/main.ts'),
      ...['relay', '--listen', `${OUTER.peer}:${RELAY_PORT}`, '--token-key', keyFile],
      ...['--allow', ENDPOINT, '--allow-no-origin'],
    ]);
    await until(
      'the relay',
      async () => {
        if (!relay.running) throw new Error(`the relay ended\n${relay.output}`);
        return (await namespace.exec('ss', '-Hltn', `sport = :${RELAY_PORT}`)) !== '';
      },
      30_000,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function tsx(program: string): string[] {
  return ['--import', 'tsx', join(root, program)];
}

interface Keys {
  client: KeyPair;
  peer: KeyPair;
}

function peerConfig({ client, peer }: Keys): string {
  return `[Interface]
PrivateKey = ${peer.privateKey}
ListenPort = ${WIREGUARD_PORT}

[Peer]
PublicKey = ${client.publicKey}
AllowedIPs = ${INNER.client}/32
`;
}

function clientConfig({ client, peer }: Keys, endpoint: string): string {
  return `[Interface]
PrivateKey = ${client.privateKey}

[Peer]
PublicKey = ${peer.publicKey}
Endpoint = ${endpoint}
AllowedIPs = ${INNER.peer}/32
`;
}

function tunnelConfig(keys: Keys): string {
  return clientConfig(keys, ENDPOINT).replace(
    '[Interface]\n',
    `[Interface]\nAddress = ${INNER.client}/24\nMTU = ${INNER_MTU}\n`,
  );
}
