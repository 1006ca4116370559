// Programs that everybody has, unmodified, behind the peer, and a page as their server and client.
import { createHash, randomBytes } from 'node:crypto';
import { pattern } from '../harness/page.ts';
import { NAME_SERVER } from '../harness/servers.ts';
import { run, until } from '../support/child-process.ts';
import type { Mesh } from '../support/mesh.ts';
import { expect, test } from '../support/mesh-test.ts';
import { Nginx } from '../support/nginx.ts';
import { curl, curlMany, dig, Netcat } from '../support/programs.ts';
import { INNER } from '../support/real-peer.ts';

const MIB = 1024 * 1024;

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** The page, a tunnel with this MTU, and room for its datagrams in the relay. */
async function connected(startMesh: (options: Parameters<typeof Mesh.up>[0]) => Promise<Mesh>, mtu: number) {
  const mesh = await startMesh({
    way: 'through the relay',
    mtu,
    peers: [{ services: true }],
    limits: { maxDatagram: 9100 },
  });
  await mesh.connect();
  return mesh;
}

for (const mtu of [1280, 1420, 9000]) {
  const where = `at an MTU of ${mtu}`;
  const tag = mtu === 1420 ? ' @core' : '';

  test(`curl gets from a page, and posts to it, ${where}${tag}`, async ({ startMesh }) => {
    test.setTimeout(120_000);
    const mesh = await connected(startMesh, mtu);
    const { namespace } = mesh.peer;
    await mesh.us.serveHttp(80);
    for (const host of [INNER.our4, `[${INNER.our6}]`]) {
      for (const size of [1, mtu, 16 * MIB])
        expect(await curl(namespace, `http://${host}/${size}`)).toEqual({
          status: 200,
          bytes: size,
          sha256: sha256(pattern(size)),
        });
      expect(await curl(namespace, `http://${host}/chunked/100001`)).toEqual({
        status: 200,
        bytes: 100_001,
        sha256: sha256(pattern(100_001)),
      });
      const input = randomBytes(4 * MIB);
      const post = ['exec', namespace.name, 'curl', '-sS', '--data-binary', '@-', `http://${host}/`];
      expect(await run('ip', ['netns', ...post], { input })).toBe(sha256(input));
      for (const connection of ['keep-alive', 'close'])
        expect(
          await curlMany(namespace, `http://${host}/9?[1-50]`, '-H', `Connection: ${connection}`),
        ).toEqual(new Map([['200 9', 50]]));
    }
  });

  test(`a page downloads 64 MiB from nginx, and uploads as much, ${where}`, async ({ startMesh }) => {
    test.setTimeout(120_000);
    const mesh = await connected(startMesh, mtu);
    const nginx = await Nginx.start(mesh.peer.namespace, [64 * MIB]);
    try {
      const file = nginx.files[0]!;
      for (const host of [INNER.peer4, INNER.peer6]) {
        const got = await mesh.us.download(host, file.path);
        expect(got).toMatchObject({ status: 200, bytes: file.size, sha256: file.sha256 });
        const given = await mesh.us.upload(host, 9, file.size);
        expect(given.arrived).toBe(given.sent);
      }
      expect((await mesh.us.status()).drops.wireguard).toEqual({});
    } finally {
      await nginx.stop();
    }
  });

  test(`nc hears a page’s echo to the end, and a page hears nc’s, ${where}`, async ({ startMesh }) => {
    test.setTimeout(120_000);
    const mesh = await connected(startMesh, mtu);
    const { namespace } = mesh.peer;
    await mesh.us.serveEcho(7);
    for (const [ours, theirs] of [
      [INNER.our4, INNER.peer4],
      [INNER.our6, INNER.peer6],
    ] as const) {
      for (const size of [0, 1, 8 * MIB]) {
        const said = randomBytes(size);
        const { code, received } = await new Netcat(namespace, ['-N', ours, '7'], said).end();
        expect(code).toBe(0);
        expect(received.equals(said), `${size} bytes come back`).toBe(true);
      }
      // nc ends first, and listens on.
      const listener = new Netcat(namespace, ['-N', '-l', theirs, '7000'], Buffer.from('bye'));
      await until('nc', async () => (await namespace.exec('ss', '-Hltn', 'sport = :7000')) !== '');
      const text = '0123456789abcdef'.repeat(100_000);
      expect(await mesh.us.exchange(theirs, 7000, text)).toBe('bye');
      expect(String((await listener.end()).received)).toBe(text);
    }
  });

  test(`dig asks a page, over UDP and TCP, ${where}`, async ({ startMesh }) => {
    const mesh = await connected(startMesh, mtu);
    await mesh.us.serveDns();
    const ask = (host: string, ...question: string[]) => dig(mesh.peer.namespace, host, 53, ...question);
    for (const host of [INNER.our4, INNER.our6]) {
      const a = await ask(host, 'page.test');
      expect(a).toMatchObject({ status: 'NOERROR', flags: ['qr', 'aa', 'rd'], over: 'UDP' });
      expect(a.answer).toEqual([expect.stringMatching(`^page\\.test\\..*IN\\tA\\t${NAME_SERVER.ipv4}$`)]);
      const aaaa = await ask(host, '-t', 'AAAA', 'page.test', '+tcp');
      expect(aaaa.answer).toEqual([expect.stringMatching(`IN\\tAAAA\\t${NAME_SERVER.ipv6}$`)]);
      expect(aaaa.over).toBe('TCP');
      // Too large for what dig takes over UDP: it is told so, and asks again over TCP.
      for (const size of ['+noedns', '+bufsize=512', '+bufsize=1232']) {
        const cut = await ask(host, '-t', 'TXT', 'page.test', size, '+ignore');
        expect(cut).toMatchObject({ flags: ['qr', 'aa', 'tc', 'rd'], answer: [], over: 'UDP' });
        const whole = await ask(host, '-t', 'TXT', 'page.test', size);
        expect(whole).toMatchObject({ flags: ['qr', 'aa', 'rd'], over: 'TCP' });
        expect(whole.answer[0]!.match(/x/g)).toHaveLength(NAME_SERVER.textBytes);
      }
      // In fragments, where the MTU is small.
      const large = await ask(host, '-t', 'TXT', 'page.test', '+bufsize=4096');
      expect(large).toMatchObject({ flags: ['qr', 'aa', 'rd'], over: 'UDP' });
      expect(large.answer[0]!.match(/x/g)).toHaveLength(NAME_SERVER.textBytes);
    }
  });
}

for (const [name, host, count] of [
  ['IPv4', INNER.our4, 10_000],
  ['IPv6', `[${INNER.our6}]`, 3000],
] as const)
  test(`a page answers ${count} short requests over inner ${name} that come from a thousand ports, again and again`, async ({
    startMesh,
  }) => {
    // A few milliseconds each, in seconds that belong to nobody else.
    test.setTimeout(600_000);
    const mesh = await connected(startMesh, 1420);
    const { namespace } = mesh.peer;
    await mesh.us.serveHttp(80);
    // Whoever ends first keeps a pair of ports in TIME-WAIT: the page does, and each pair comes back.
    await namespace.exec('sysctl', '-qw', 'net.ipv4.ip_local_port_range=40000 40999');
    expect(await curlMany(namespace, `http://${host}/9?[1-${count}]`, '-H', 'Connection: close')).toEqual(
      new Map([['200 9', count]]),
    );
  });
