// npx tsx test/model/record.ts FILE: records what two unmodified wireguard-go say to each other, datagram by datagram,
// while a script of inner packets runs; it takes twelve minutes. Needs root, iproute2, wireguard-go and wireguard-tools.
// The recording that is committed is test/vectors/wireguard-go-recording.json; recording.test.ts plays it to our devices.
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Child, run, until } from '../support/child-process.ts';
import { freeUdpPort } from '../support/free-port.ts';
import { generateKeys, type KeyPair } from '../support/keys.ts';
import { Namespace, uniqueName } from '../support/namespace.ts';
import { DELAY, type Recording, SCRIPT, type SideName } from './recording.ts';

/** Sends a UDP packet of N bytes (with its headers) for each line `N` it reads; has the port that the other sends to. */
const TALKER = `
  const socket = require('node:dgram').createSocket('udp4');
  socket.bind(9, () => console.log('ready'));
  require('node:readline').createInterface({ input: process.stdin })
    .on('line', (size) => socket.send(Buffer.alloc(Number(size) - 28), 9, process.argv[1]));
`;

class RealSide {
  readonly keys: KeyPair = generateKeys();
  readonly device = uniqueName();
  readonly address: string;
  port = 0;
  namespace!: Namespace;
  #wireguard!: Child;
  #talker!: ChildProcess;

  constructor(address: string) {
    this.address = address;
  }

  async up(): Promise<void> {
    this.port = await freeUdpPort();
    this.namespace = await Namespace.create(this.device);
    this.#wireguard = new Child('wireguard-go', ['--foreground', this.device]);
    await until('the control socket', () => existsSync(`/var/run/wireguard/${this.device}.sock`));
    await this.#configure(`[Interface]\nPrivateKey = ${this.keys.privateKey}\nListenPort = ${this.port}\n`);
    await run('ip', ['link', 'set', this.device, 'mtu', '1420', 'up']);
    await until('the UDP socket', async () => (await run('ss', ['-Hlun', `sport = :${this.port}`])) !== '');
    await run('ip', ['link', 'set', this.device, 'netns', this.namespace.name]);
    // Without IPv6 nobody solicits routers.
    await this.namespace.exec('sysctl', '-q', 'net.ipv6.conf.all.disable_ipv6=1');
    await run('ip', ['-n', this.namespace.name, 'addr', 'add', `${this.address}/24`, 'dev', this.device]);
    await run('ip', ['-n', this.namespace.name, 'link', 'set', this.device, 'mtu', '1420', 'up']);
  }

  async #configure(text: string): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), 'tabwire-record-'));
    try {
      writeFileSync(join(folder, 'conf'), text, { mode: 0o600 });
      await run('wg', ['setconf', this.device, join(folder, 'conf')]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  async talkTo(other: RealSide): Promise<void> {
    this.#talker = spawn(
      'setpriv',
      [
        '--pdeathsig',
        'KILL',
        'ip',
        'netns',
        'exec',
        this.namespace.name,
        process.execPath,
        '-e',
        TALKER,
      ].concat(other.address),
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    await once(this.#talker.stdout!, 'data');
  }

  async set(other: RealSide, ...settings: string[]): Promise<void> {
    await run('wg', ['set', this.device, 'peer', other.keys.publicKey, ...settings]);
  }

  say(size: number): void {
    this.#talker.stdin!.write(`${size}\n`);
  }

  async down(): Promise<void> {
    this.#talker?.kill();
    await this.#wireguard?.stop();
    await this.namespace?.delete();
  }
}

/** Two sockets between the sides: each side takes one of them for the other side. */
class Tap {
  isCut = false;
  readonly messages: Recording['messages'] = [];
  readonly #start: () => number;
  readonly #sockets = { a: createSocket('udp4'), b: createSocket('udp4') };

  constructor(now: () => number) {
    this.#start = now;
  }

  async open(ports: Record<SideName, number>): Promise<Record<SideName, number>> {
    for (const side of ['a', 'b'] as const) {
      this.#sockets[side].bind(0, '127.0.0.1');
      await once(this.#sockets[side], 'listening');
      this.#sockets[side].on('error', () => {});
    }
    this.#forward('a', this.#sockets.b, ports.b);
    this.#forward('b', this.#sockets.a, ports.a);
    return { a: this.#sockets.a.address().port, b: this.#sockets.b.address().port };
  }

  /** What `side` says to its socket goes on to the other side from the other socket. */
  #forward(side: SideName, out: Socket, port: number): void {
    this.#sockets[side].on('message', (bytes) => {
      this.messages.push({ at: Math.round(this.#start()), from: side, type: bytes[0]!, size: bytes.length });
      if (!this.isCut) setTimeout(() => out.send(bytes, port, '127.0.0.1'), DELAY);
    });
  }

  close(): void {
    this.#sockets.a.close();
    this.#sockets.b.close();
  }
}

async function record(): Promise<Recording> {
  const sides = { a: new RealSide('10.98.0.1'), b: new RealSide('10.98.0.2') };
  let start = performance.now();
  const tap = new Tap(() => performance.now() - start);
  try {
    await Promise.all([sides.a.up(), sides.b.up()]);
    const taps = await tap.open({ a: sides.a.port, b: sides.b.port });
    await Promise.all([sides.a.talkTo(sides.b), sides.b.talkTo(sides.a)]);
    const introduce = async (side: SideName, endpoint: boolean): Promise<void> => {
      const other = side === 'a' ? sides.b : sides.a;
      await sides[side].set(
        other,
        'allowed-ips',
        `${other.address}/32`,
        ...(endpoint ? ['endpoint', `127.0.0.1:${taps[side]}`] : []),
      );
    };
    await introduce('a', true);
    await introduce('b', false);
    start = performance.now();
    for (const { at, side, act } of SCRIPT) {
      await delay(Math.max(0, at * 1000 - (performance.now() - start)));
      const other = side === 'a' ? sides.b : sides.a;
      if (act === 'cut') tap.isCut = true;
      else if (act === 'mend') tap.isCut = false;
      else if (typeof act === 'number') sides[side].say(act);
      else if (act === 'forget') await sides[side].set(other, 'remove');
      else if (act === 'introduce') await introduce(side, true);
      else await sides[side].set(other, 'persistent-keepalive', act.slice('keepalive '.length));
    }
  } finally {
    tap.close();
    await Promise.all([sides.a.down(), sides.b.down()]);
  }
  return {
    made: `by test/model/record.ts with ${(await run('wireguard-go', ['--version'])).split('\n')[0]}: two of them on loopback, their tun interfaces in namespaces without IPv6, ${DELAY} ms between them. at: milliseconds; type and size of each datagram. The script is in test/model/recording.ts.`,
    script: SCRIPT,
    messages: tap.messages,
  };
}

const file = process.argv[2];
if (!file) {
  console.error('usage: npx tsx test/model/record.ts FILE');
  process.exit(2);
}
const { made, script, messages } = await record();
const lines = (items: readonly object[]) => items.map((item) => `    ${JSON.stringify(item)}`).join(',\n');
writeFileSync(
  file,
  `{\n  "made": ${JSON.stringify(made)},\n  "script": [\n${lines(script)}\n  ],\n  "messages": [\n${lines(messages)}\n  ]\n}\n`,
);
console.log(`${messages.length} datagrams in ${file}`);
