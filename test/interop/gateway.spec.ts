// `tabwire gateway` before a real peer: Linux behind wireguard-go reaches servers that only the gateway's side has, with
// programs of its own, and what is not allowed it does not reach.
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Child } from '../support/child-process.ts';
import { Dnsmasq } from '../support/dnsmasq.ts';
import { freeTcpPort, freeUdpPort } from '../support/free-port.ts';
import { GatewayLab, METADATA, NOWHERE, SERVER } from '../support/gateway-lab.ts';
import { expect, test } from '../support/interop-test.ts';
import { generateKeys, type KeyPair } from '../support/keys.ts';
import { Nginx } from '../support/nginx.ts';
import { PageServer } from '../support/page-server.ts';
import { curl, dig, Netcat } from '../support/programs.ts';
import { INNER } from '../support/real-peer.ts';
import { RelayProcess } from '../support/relay-process.ts';

async function withLab(
  rules: readonly string[],
  use: (lab: GatewayLab) => Promise<void>,
  options: { isPowerless?: boolean } = {},
): Promise<void> {
  const lab = await GatewayLab.up(rules, options);
  try {
    await use(lab);
  } finally {
    await lab.down();
  }
}

const BOTH = [SERVER.ipv4, `[${SERVER.ipv6}]`];
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** What nc says of a connection that it does not get. */
async function failure(lab: GatewayLab, host: string, port: number): Promise<string> {
  return lab.exec('nc.openbsd', '-v', '-w', '10', host, String(port)).then(
    () => 'it came through',
    (error: Error) => error.message,
  );
}

const NO_WAY = /No route to host|Permission denied/;

test('Linux behind wireguard-go gets where rules let it, by TCP, UDP and ping, and nowhere else @core', async ({
  interopWorks: _,
}) => {
  const rules = BOTH.map((host) => `${host}:7,9,53,80,81,ping`);
  await withLab(rules, async (lab) => {
    const nginx = await Nginx.start(lab.site, [1_000_000]);
    await lab.startServices();
    await Dnsmasq.inside(lab.site);
    const file = nginx.files[0]!;
    for (const host of BOTH) {
      const answer = await curl(lab.client.namespace, `http://${host}${file.path}`);
      expect(answer).toEqual({ status: 200, bytes: file.size, sha256: file.sha256 });
    }
    for (const host of [SERVER.ipv4, SERVER.ipv6]) {
      const sent = randomBytes(300_000);
      const { received, code } = await new Netcat(lab.client.namespace, ['-N', host, '9'], sent).end();
      expect([code, received.toString()]).toEqual([0, `300000 ${sha256(sent)}`]);
      const udp = await new Netcat(
        lab.client.namespace,
        ['-u', '-w', '1', host, '7'],
        Buffer.from('hello'),
      ).end();
      expect(udp.received.toString()).toBe('hello');
      const question = await dig(lab.client.namespace, host, 53, 'host.inside.test');
      expect(question).toMatchObject({ status: 'NOERROR', over: 'UDP' });
      expect(await lab.exec('ping', '-c', '1', '-W', '5', '-s', '1000', host)).toContain(' 0% packet loss');
    }

    for (const host of [SERVER.ipv4, SERVER.ipv6]) {
      expect(await failure(lab, host, 81)).toContain('Connection refused');
      expect(await failure(lab, host, 22)).toMatch(NO_WAY);
    }
    expect(await failure(lab, METADATA, 80)).toMatch(NO_WAY);
    await expect(lab.exec('ping', '-c', '1', '-W', '2', NOWHERE)).rejects.toThrow(/Packet filtered/);
    await lab.gateway.saw(/^gateway: tcp to 192\.0\.2\.10:22 is not allowed; 10\.98\.0\.1 wanted it$/m);
    await lab.gateway.stop();
    expect(lab.gateway.output).not.toMatch(/error| {4}at /i);
    await nginx.stop();
  });
});

test('a gateway needs none of root’s capabilities for TCP and UDP, and ends well when it is told to', async ({
  interopWorks: _,
}) => {
  const use = async (lab: GatewayLab) => {
    const { gateway, client } = lab;
    const status = readFileSync(`/proc/${gateway.process.pid}/status`, 'utf8');
    expect(/^CapEff:\s*0+$/m.test(status) && /^CapBnd:\s*0+$/m.test(status)).toBe(true);
    const nginx = await Nginx.start(lab.site, [300_000]);
    await lab.startServices();
    const file = nginx.files[0]!;
    const answer = await curl(client.namespace, `http://${SERVER.ipv4}${file.path}`);
    expect(answer).toEqual({ status: 200, bytes: file.size, sha256: file.sha256 });
    const udp = new Netcat(client.namespace, ['-u', '-w', '1', SERVER.ipv4, '7'], Buffer.from('hello'));
    expect((await udp.end()).received.toString()).toBe('hello');
    gateway.process.kill('SIGTERM');
    expect(await gateway.exited).toBe(0);
    expect(gateway.output).not.toMatch(/error| {4}at /i);
  };
  await withLab([`${SERVER.ipv4}:7,80`], use, { isPowerless: true });
});

test('50 MB are whole in either direction, and at once', async ({ interopWorks: _ }) => {
  test.setTimeout(180_000);
  await withLab([`${SERVER.ipv4}`], async (lab) => {
    const nginx = await Nginx.start(lab.site, [50_000_000]);
    await lab.startServices();
    const [file] = nginx.files;
    const sent = randomBytes(50_000_000);
    const [down, up] = await Promise.all([
      curl(lab.client.namespace, `http://${SERVER.ipv4}${file!.path}`),
      new Netcat(lab.client.namespace, ['-N', SERVER.ipv4, '9'], sent).end(),
    ]);
    expect(down).toEqual({ status: 200, bytes: file!.size, sha256: file!.sha256 });
    expect(up.received.toString()).toBe(`50000000 ${sha256(sent)}`);
    await nginx.stop();
  });
});

test('metadata is out of reach of a rule for everything, and in reach of one that names it', async ({
  interopWorks: _,
}) => {
  await withLab(['0.0.0.0/0'], async (lab) => {
    const nginx = await Nginx.start(lab.site, [1000]);
    const { path } = nginx.files[0]!;
    expect((await curl(lab.client.namespace, `http://${SERVER.ipv4}${path}`)).status).toBe(200);
    expect(await failure(lab, METADATA, 80)).toMatch(NO_WAY);
    await nginx.stop();
  });
  await withLab([`${METADATA}:80`], async (lab) => {
    const nginx = await Nginx.start(lab.site, [1000]);
    const { path } = nginx.files[0]!;
    expect((await curl(lab.client.namespace, `http://${METADATA}${path}`)).status).toBe(200);
    expect(await failure(lab, SERVER.ipv4, 80)).toMatch(NO_WAY);
    await nginx.stop();
  });
});

test('a UDP port that is closed is told, and a reader that stops stops the sender', async ({
  interopWorks: _,
}) => {
  await withLab([`${SERVER.ipv4}`], async (lab) => {
    const services = await lab.startServices();
    const closed = new Netcat(
      lab.client.namespace,
      ['-u', '-v', '-w', '3', SERVER.ipv4, '5999'],
      Buffer.from('x'),
    );
    expect((await closed.end()).code).toBe(1);

    // Of the source on port 19 the client reads a little; what its server has got rid of stays bounded.
    const script = `exec 3<>/dev/tcp/${SERVER.ipv4}/19; head -c 1000 <&3 >/dev/null; exec sleep 60`;
    const reader = lab.client.namespace.start('bash', ['-c', script]);
    await services.saw(/^accepted \d{6,}$/m);
    const accepted = () => Number(/accepted (\d+)\s*$/.exec(services.output)?.[1] ?? 0);
    let before = -1;
    await expect
      .poll(
        () => {
          const isStill = accepted() === before;
          before = accepted();
          return isStill;
        },
        { intervals: [500] },
      )
      .toBe(true);
    expect(before).toBeLessThan(40_000_000);
    await reader.stop();
  });
});

test('our own client is a peer like any other', async ({ interopWorks: _ }) => {
  await withLab([`${SERVER.ipv4}:80,ping`], async (lab) => {
    const nginx = await Nginx.start(lab.site, [2_000_000]);
    const file = nginx.files[0]!;
    const port = await freeTcpPort();
    const client = lab.tabwire('connect', lab.secondFile, '-L', `${port}:${SERVER.ipv4}:80`);
    await client.saw(/handshake with /, 15_000);
    const answer = await curl(lab.site, `http://127.0.0.1:${port}${file.path}`);
    expect(answer).toEqual({ status: 200, bytes: file.size, sha256: file.sha256 });
    await client.stop();
    const pinged = lab.tabwire('ping', lab.secondFile, SERVER.ipv4, '-c', '2', '-i', '0.1');
    expect(await pinged.exited).toBe(0);
    expect(pinged.output).toContain('2 sent, 2 answered');
    // It stands in for others, and is itself all the same.
    expect(await lab.exec('ping', '-c', '1', '-W', '5', INNER.our4)).toContain(' 0% packet loss');
    await nginx.stop();
  });
});

test('a page is a peer like any other, through the relay', async ({ page, interopWorks: _ }) => {
  // No namespace here: the browser is in none. What this machine calls its own never leaves it either.
  const own = Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4')?.address;
  test.skip(own === undefined, 'this machine has no address but loopback, which a page keeps to itself');
  const body = randomBytes(5_000_000);
  const server = createServer((_request, response) => response.end(body)).listen(0, own);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const [keys, pageKeys, listenPort] = [generateKeys(), generateKeys(), await freeUdpPort()];
  const file = join(mkdtempSync(join(tmpdir(), 'tabwire-gateway-')), 'gateway.conf');
  writeFileSync(file, configOf(keys, pageKeys, listenPort), { mode: 0o600 });
  const main = join(import.meta.dirname, '../../src/cli/main.ts');
  const args = ['--import', 'tsx', main, 'gateway', file, '--allow', `${own}:${port}`];
  const gateway = new Child(process.execPath, args);
  const endpoint = `127.0.0.1:${listenPort}`;
  const site: PageServer = await PageServer.start(join(import.meta.dirname, '../../dist/harness'), () => [
    `ws://127.0.0.1:${relay.port}`,
  ]);
  const relay = await RelayProcess.start({ allow: [endpoint], origins: [site.origin] });
  try {
    await gateway.saw(/ is ready/, 15_000);
    await page.goto(`${site.origin}/`);
    const config = `[Interface]
PrivateKey = ${pageKeys.privateKey}
Address = 10.98.0.3/24
[Peer]
PublicKey = ${keys.publicKey}
Endpoint = ${endpoint}
AllowedIPs = 0.0.0.0/0
`;
    const got = await page.evaluate(
      async ([config, relay, host, port]) => {
        const tunnel = await window.tabwire.Tunnel.open(config, { relay });
        await tunnel.ready;
        const response = await tunnel.fetch(`http://${host}:${port}/`);
        const sha256 = await window.page.sha256(new Uint8Array(await response.arrayBuffer()));
        const denied = await new tunnel.TCPSocket(host, 9).opened.catch(({ cause }) => cause.code as string);
        return { sha256, denied };
      },
      [config, relay.url, own!, port] as const,
    );
    expect(got).toEqual({ sha256: sha256(body), denied: 'ERR_HOST_UNREACHABLE' });
  } finally {
    await Promise.all([relay.stop(), site.stop(), gateway.stop()]);
    server.close();
    rmSync(dirname(file), { recursive: true });
  }
});

function configOf(keys: KeyPair, peer: KeyPair, listenPort: number): string {
  return `[Interface]
PrivateKey = ${keys.privateKey}
Address = 10.98.0.1/24
ListenPort = ${listenPort}
[Peer]
PublicKey = ${peer.publicKey}
AllowedIPs = 10.98.0.3/32
`;
}
