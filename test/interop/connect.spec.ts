// `tabwire connect` before a real peer: programs that know nothing of tunnels, and how it says what happens.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child, run } from '../support/child-process.ts';
import { Dnsmasq } from '../support/dnsmasq.ts';
import { freeTcpPort } from '../support/free-port.ts';
import { expect, test } from '../support/interop-test.ts';
import { generateKeys } from '../support/keys.ts';
import { Nginx } from '../support/nginx.ts';
import { Postgres } from '../support/postgres.ts';
import { iperf3, startIperf3 } from '../support/programs.ts';
import { INNER, RealPeer } from '../support/real-peer.ts';
import { RelayProcess } from '../support/relay-process.ts';
import { Sshd } from '../support/sshd.ts';

const MAIN = join(import.meta.dirname, '../../src/cli/main.ts');
const PROGRAM = [process.execPath, '--import', 'tsx', MAIN];

interface Site {
  peer: RealPeer;
  /** Path of our configuration. */
  file: string;
  /** What leads there, for the command line. */
  way: string[];
  keep(undo: () => Promise<void> | void): void;
}

/** A peer, our configuration in a file, and a relay where there is to be one; all gone when `use` has ended. */
async function withSite(isRelayed: boolean, use: (site: Site) => Promise<void>): Promise<void> {
  const undo: (() => Promise<void> | void)[] = [];
  const keep = (step: () => Promise<void> | void) => void undo.push(step);
  try {
    const keys = generateKeys();
    const peer = await RealPeer.up({ publicKey: keys.publicKey });
    keep(() => peer.down());
    const folder = mkdtempSync(join(tmpdir(), 'tabwire-connect-'));
    keep(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'ours.conf');
    writeFileSync(file, configOf(keys.privateKey, peer), { mode: 0o600 });
    const way: string[] = [];
    if (isRelayed) {
      const relay = await RelayProcess.start({ allow: [peer.endpoint], origins: [], allowNoOrigin: true });
      keep(() => relay.stop());
      way.push('--relay', relay.url);
    }
    await use({ peer, file, way, keep });
  } finally {
    for (const step of undo.reverse()) await step();
  }
}

function configOf(privateKey: string, peer: RealPeer): string {
  return `[Interface]
PrivateKey = ${privateKey}
Address = ${INNER.our4}/24, ${INNER.our6}/64

[Peer]
PublicKey = ${peer.publicKey}
Endpoint = ${peer.endpoint}
AllowedIPs = ${INNER.peer4}/32, ${INNER.peer6}/128
`;
}

function start({ file, way, keep }: Site, ...args: string[]): Child {
  const child = new Child(PROGRAM[0]!, [...PROGRAM.slice(1), 'connect', file, ...way, ...args]);
  keep(() => child.stop());
  return child;
}

async function curl(...args: string[]): Promise<string> {
  const wanted = ['-o', '/dev/null', '-w', '%{http_code} %{size_download}'];
  return run('curl', ['-sS', '--max-time', '20', ...wanted, ...args]);
}

test('curl reaches by name, through both proxies, what only the name server inside knows', async ({
  interopWorks: _,
}) => {
  await withSite(false, async (site) => {
    const { peer, keep, file } = site;
    const name = 'web.inside.test';
    const nginx = await Nginx.start(peer.namespace, [30_000]);
    keep(() => nginx.stop());
    const dnsmasq = await Dnsmasq.inside(peer.namespace, [`--host-record=${name},${INNER.peer4}`]);
    keep(() => dnsmasq.stop());
    const config = readFileSync(file, 'utf8').replace('[Interface]', `[Interface]\nDNS = ${INNER.peer4}`);
    writeFileSync(file, config);
    const [socks, http] = [await freeTcpPort(), await freeTcpPort()];
    const command = start(site, ...['--socks5', `127.0.0.1:${socks}`, '--http-proxy', `127.0.0.1:${http}`]);
    await command.saw(/^connect: HTTP proxy on 127\.0\.0\.1:\d+$/m, 15_000);
    await command.saw(/^connect: handshake with /m);
    const { path } = nginx.files[0]!;
    const whole = '200 30000';
    expect(await curl('--socks5-hostname', `127.0.0.1:${socks}`, `http://${name}${path}`)).toBe(whole);
    expect(await curl('--proxy', `http://127.0.0.1:${http}`, `http://${name}${path}`)).toBe(whole);
    expect(dnsmasq.output).toMatch(/query\[A\] web\.inside\.test from 10\.98\./i);
    const unknown = curl('--socks5-hostname', `127.0.0.1:${socks}`, 'http://nowhere.inside.test/');
    await expect(unknown).rejects.toThrow(/Can't complete SOCKS5 connection.*\(4\)/);
  });
});

for (const isRelayed of [false, true]) {
  const words = isRelayed ? 'through the relay' : 'directly';

  test(`curl goes through both proxies and a forward, and the command stops when it is asked to, ${words}${isRelayed ? '' : ' @core'}`, async ({
    interopWorks: _,
  }) => {
    await withSite(isRelayed, async (site) => {
      const nginx = await Nginx.start(site.peer.namespace, [3_000_000]);
      site.keep(() => nginx.stop());
      const [socks, http, local] = [await freeTcpPort(), await freeTcpPort(), await freeTcpPort()];
      const command = start(
        site,
        ...['--socks5', `127.0.0.1:${socks}`, '--http-proxy', `127.0.0.1:${http}`],
        ...['-L', `${local}:[${INNER.peer6}]:80`],
      );
      await command.saw(/^connect: HTTP proxy on 127\.0\.0\.1:\d+$/m, 15_000);
      await command.saw(/^connect: handshake with /m);
      const { path } = nginx.files[0]!;
      const whole = '200 3000000';
      expect(await curl(`http://127.0.0.1:${local}${path}`)).toBe(whole);
      for (const host of [INNER.peer4, `[${INNER.peer6}]`]) {
        const url = `http://${host}${path}`;
        expect(await curl('--socks5-hostname', `127.0.0.1:${socks}`, url)).toBe(whole);
        expect(await curl('--proxy', `http://127.0.0.1:${http}`, url)).toBe(whole);
        expect(await curl('--proxytunnel', '--proxy', `http://127.0.0.1:${http}`, url)).toBe(whole);
      }
      command.process.kill('SIGINT');
      expect(await command.exited).toBe(0);
      expect(command.output).not.toMatch(/error| {4}at /i);
    });
  });

  test(`iperf3, psql and ssh go in, and -R leads out, ${words}`, async ({ interopWorks: _ }) => {
    test.setTimeout(180_000);
    await withSite(isRelayed, async (site) => {
      const { peer, keep } = site;
      const [iperf, psql] = [await freeTcpPort(), await freeTcpPort()];
      const web = createServer((_request, response) => response.end('out here')).listen(0, '127.0.0.1');
      keep(() => void web.close());
      await startIperf3(peer.namespace);
      const postgres = await Postgres.start(peer.namespace);
      keep(() => postgres.stop());
      const command = start(
        site,
        ...['-L', `${iperf}:${INNER.peer4}:5201`, '-L', `${psql}:[${INNER.peer6}]:5432`],
        ...['-R', `8080:127.0.0.1:${(web.address() as AddressInfo).port}`],
      );
      await command.saw(/ is on \[::\]:8080 inside$/m, 15_000);

      for (const direction of [[], ['-R']]) {
        // Its server stops counting when its client has ended: what is still under way does not count.
        const { received } = await iperf3(iperf, '-n', '16M', ...direction);
        expect(received).toBeGreaterThan(4 << 20);
      }
      expect(await postgres.ask(psql, 'SELECT 6 * 7')).toBe('42');
      for (const host of [INNER.our4, `[${INNER.our6}]`])
        expect(await peer.exec('curl', '-sS', '--max-time', '20', `http://${host}:8080/`)).toBe('out here');
      await command.stop();

      const sshd = await Sshd.start(peer.namespace);
      keep(() => sshd.stop());
      const proxy = [...PROGRAM, 'connect', site.file, ...site.way, '-W', '%h:%p'].join(' ');
      const args = [...sshd.clientOptions, '-o', `ProxyCommand=${proxy}`, `root@${INNER.peer4}`];
      expect(await run('ssh', [...args, 'cat'], { input: 'x'.repeat(300_000) })).toHaveLength(300_000);
      expect(await run('ssh', [...args, 'head -c 2000000 /dev/zero | wc -c'])).toBe('2000000\n');
    });
  });

  test(`the datagrams outside are recorded, and with the key log Wireshark reads them, ${words}`, async ({
    interopWorks: _,
  }) => {
    await withSite(isRelayed, async ({ peer, file, way, keep }) => {
      const folder = mkdtempSync(join(tmpdir(), 'tabwire-outer-'));
      keep(() => rmSync(folder, { recursive: true }));
      const [packets, keyLog] = [join(folder, 'outer.pcapng'), join(folder, 'keys')];
      const recorded = ['--outer-capture', packets, '--key-log', keyLog];
      await run(PROGRAM[0]!, [
        ...PROGRAM.slice(1),
        'ping',
        file,
        INNER.peer4,
        '-c',
        '3',
        '-i',
        '0.1',
        ...way,
        ...recorded,
      ]);
      const tshark = (...args: string[]) => run('tshark', ['-r', packets, ...args]);
      const opened = ['-o', `wg.keylog_file:${keyLog}`];
      const pings = await tshark(...opened, '-Y', 'icmp', '-T', 'fields', '-e', 'ip.dst', '-e', 'icmp.type');
      expect(pings.match(/\t0$/gm)).toHaveLength(3);
      expect(pings.match(/\t8$/gm)).toHaveLength(3);
      expect(await tshark(...opened, '-Y', '_ws.malformed || _ws.expert.severity >= 0x00800000')).toBe('');
      expect(await tshark('-Y', 'icmp')).toBe('');
      const ports = await tshark('-T', 'fields', '-e', 'udp.port');
      expect(
        ports
          .trim()
          .split('\n')
          .every((line) => line.split(',').includes(String(peer.port))),
      ).toBe(true);
    });
  });

  test(`ping and status say what there is, ${words}`, async ({ interopWorks: _ }) => {
    await withSite(isRelayed, async ({ peer, file, way }) => {
      const tabwire = (...args: string[]) => run(PROGRAM[0]!, [...PROGRAM.slice(1), ...args]);
      const pinged = await tabwire('ping', file, INNER.peer4, '-c', '2', '-i', '0.1', ...way);
      expect(pinged).toMatch(/^56 bytes from 10\.98\.0\.1: sequence 1, ttl 64, /m);
      expect(pinged).toMatch(/^2 sent, 2 answered; /m);
      const status = await tabwire('status', file, ...way);
      expect(status).toContain(`peer: ${peer.publicKey}\n  endpoint: ${peer.endpoint}\n`);
      expect(status).toMatch(/latest handshake: 20/);
    });
  });
}

test('a wrong key is silence, and connections wait until they are given up', async ({ interopWorks: _ }) => {
  await withSite(false, async ({ peer, file }) => {
    const other = configOf(generateKeys().privateKey, peer);
    writeFileSync(file, other);
    const child = new Child(PROGRAM[0]!, [...PROGRAM.slice(1), 'status', file, '-W', '2']);
    expect(await child.exited).toBe(1);
    expect(child.output).toMatch(/^tabwire status: no handshake/m);
    expect(child.output).not.toContain(/PrivateKey = (.*)/.exec(other)![1]!);
  });
});

test('a client that is gone leaves no connection inside', async ({ interopWorks: _ }) => {
  await withSite(false, async (site) => {
    await startIperf3(site.peer.namespace);
    const local = await freeTcpPort();
    const command = start(site, '-L', `${local}:${INNER.peer4}:5201`);
    await command.saw(/inside is on/, 15_000);
    const clients = Array.from({ length: 20 }, () => connect(local, '127.0.0.1'));
    const established = async () =>
      (await site.peer.exec('ss', '-Htn', 'state', 'established', 'sport', '=', ':5201')).split('\n').length -
      1;
    await expect.poll(established).toBe(20);
    for (const client of clients) client.resetAndDestroy();
    await expect.poll(established).toBe(0);
  });
});
