// What the programs of programs.spec.ts do when they are asked for less common things: many streams, small segments, one
// listener for many, bodies without a length, datagrams without a byte, gigabytes.
import { createHash, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { run, until } from '../support/child-process.ts';
import { freeTcpPort } from '../support/free-port.ts';
import { startServices } from '../support/inner-programs.ts';
import type { Namespace } from '../support/namespace.ts';
import { Nginx } from '../support/nginx.ts';
import type { ProgramLab } from '../support/program-lab.ts';
import { expect, test } from '../support/program-test.ts';
import { curl, curlMany, iperf3, Netcat, startIperf3 } from '../support/programs.ts';
import { INNER } from '../support/real-peer.ts';
import { Sshd } from '../support/sshd.ts';

const MIB = 1024 * 1024;
const TIMESTAMPS = 12;

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

async function listens(place: Namespace | undefined, port: number): Promise<void> {
  const command = ['-Hltn', `sport = :${port}`] as const;
  const look = () => (place ? place.exec('ss', ...command) : run('ss', command));
  await until(`port ${port}`, async () => (await look()) !== '');
}

/** Eight streams each way, then segments as small as an old host takes them. */
async function manyStreams(lab: ProgramLab, family: 4 | 6): Promise<void> {
  await startIperf3(lab.peer.namespace);
  const port = await lab.toPeer(family, 5201);
  for (const way of [[], ['-R']]) {
    const told = await iperf3(port, '-P', '8', '-t', '2', '-C', 'cubic', ...way);
    const what = `iperf3 -P 8 ${way.join()}: ${JSON.stringify(told)}`;
    expect(told.streams, what).toHaveLength(8);
    expect(Math.min(...told.streams), what).toBeGreaterThan(10_000);
    expect(told.received, what).toBeGreaterThan(MIB / 2);
  }
  for (const way of [[], ['-R']]) {
    const before = lab.forwarder.connections.length;
    const ended = iperf3(port, '-M', '536', '-t', '1', ...way);
    await until('the second connection', () => lab.forwarder.connections.length === before + 2);
    await until('small segments', async () =>
      (await lab.peer.exec('ss', '-Htin', 'sport = :5201')).includes(` advmss:${536 - TIMESTAMPS} `),
    );
    expect((await ended).received, `iperf3 -M 536 ${way.join()}`).toBeGreaterThan(200_000);
  }
}

/** `nc -k` hears one caller after the other: there, and out here. */
async function oneListenerForMany(lab: ProgramLab, family: 4 | 6): Promise<void> {
  const { namespace } = lab.peer;
  const outside = await freeTcpPort();
  await lab.forwarder.inward(7000, outside);
  const ours = family === 4 ? INNER.our4 : INNER.our6;
  const places = [
    { place: namespace, args: [`-${family}`, '-l', '7000'], port: 7000 },
    { place: undefined, args: ['-l', '127.0.0.1', String(outside)], port: outside },
  ];
  for (const { place, args, port } of places) {
    const listener = new Netcat(place, ['-d', '-k', ...args], Buffer.alloc(0));
    await listens(place, port);
    const said = [randomBytes(1), randomBytes(MIB), randomBytes(0), randomBytes(100_000), randomBytes(7)];
    const to = place ? ['127.0.0.1', String(await lab.toPeer(family, 7000))] : [ours, '7000'];
    for (const bytes of said) {
      const caller = new Netcat(place ? undefined : namespace, ['-N', ...to], bytes);
      expect((await caller.end()).code).toBe(0);
    }
    const all = Buffer.concat(said);
    await until('all that was said', () => listener.receivedBytes === all.length);
    await listener.stop();
    expect((await listener.end()).received.equals(all)).toBe(true);
  }
}

/** Bodies in chunks: of nginx, and both ways of a server out here. */
async function chunked(lab: ProgramLab, nginx: Nginx, family: 4 | 6): Promise<void> {
  const { namespace } = lab.peer;
  const there = `http://127.0.0.1:${await lab.toPeer(family, 80)}`;
  const headers = (url: string, ...args: string[]) => ['-sS', '-o', '/dev/null', '-D', '-', ...args, url];
  for (const { path, size, sha256 } of nginx.files) {
    expect(await run('curl', headers(there + path, '--compressed'))).toMatch(/^transfer-encoding: chunked/im);
    expect(await curl(undefined, there + path, '--compressed')).toEqual({ status: 200, bytes: size, sha256 });
  }
  const parts = [1, 0, 10, 1420, 100_000, 3 * MIB, 1].map((size) => randomBytes(size));
  const body = Buffer.concat(parts);
  const web = createServer((request, response) => {
    const hash = createHash('sha256');
    request.on('data', (chunk: Buffer) => hash.update(chunk));
    request.on('end', () => {
      if (request.method === 'GET') for (const part of parts) response.write(part);
      else response.write(hash.digest('hex'));
      response.end();
    });
  }).listen(0, '127.0.0.1');
  await once(web, 'listening');
  lab.keep({ stop: () => void web.close() });
  await lab.forwarder.inward(80, (web.address() as AddressInfo).port);
  const here = `http://${family === 4 ? INNER.our4 : `[${INNER.our6}]`}/`;
  expect(await namespace.exec('curl', ...headers(here))).toMatch(/^transfer-encoding: chunked/im);
  expect(await curl(namespace, here)).toEqual({ status: 200, bytes: body.length, sha256: sha256(body) });
  const post = ['-sS', '-H', 'Transfer-Encoding: chunked', '--data-binary', '@-', here];
  expect(await run('ip', ['netns', 'exec', namespace.name, 'curl', ...post], { input: body })).toBe(
    sha256(body),
  );
}

/** Datagrams without a byte are datagrams: an echo there answers them, and one out here. */
async function emptyDatagrams(lab: ProgramLab, family: 4 | 6): Promise<void> {
  const sizes = [0, 1, 0, 0, 1200];
  const socket = createSocket('udp4');
  lab.keep({ stop: () => void socket.close() });
  const port = await lab.toPeer(family, 7);
  const told: number[] = [];
  for (const size of sizes) {
    socket.send(Buffer.alloc(size), port, '127.0.0.1');
    const [answer] = (await once(socket, 'message')) as [Buffer];
    told.push(answer.length);
  }
  expect(told).toEqual(sizes);

  const echo = createSocket('udp4', (message, from) => echo.send(message, from.port, from.address));
  echo.bind(0, '127.0.0.1');
  await once(echo, 'listening');
  lab.keep({ stop: () => void echo.close() });
  await lab.forwarder.inward(7, echo.address().port);
  const script = `
    const socket = require('node:dgram').createSocket('udp${family}');
    const sizes = [${sizes.join()}];
    const told = [];
    const ask = () => socket.send(Buffer.alloc(sizes[told.length]), 7, '${family === 4 ? INNER.our4 : INNER.our6}');
    socket.on('message', ({ length }) => {
      told.push(length);
      if (told.length < sizes.length) ask();
      else { console.log(told.join()); socket.close(); }
    });
    ask();
    setTimeout(() => process.exit(1), 20000).unref();`;
  expect((await lab.peer.exec(process.execPath, '-e', script)).trim()).toBe(sizes.join());
}

/** `sftp` puts a file there, tells its size, and gets it back. */
async function sftp(lab: ProgramLab, sshd: Sshd, family: 4 | 6, size: number): Promise<void> {
  const [here, there, back] = ['here', 'there', 'back'].map((name) => join(sshd.folder, name)) as [
    string,
    string,
    string,
  ];
  await run('sh', ['-c', `head -c ${size} /dev/urandom > ${here}`]);
  const port = String(await lab.toPeer(family, 22));
  const input = `put ${here} ${there}\nls -l ${there}\nget ${there} ${back}\n`;
  const options = [...sshd.clientOptions, '-o', `RekeyLimit=${Math.min(size >> 2, 16 * MIB)}`, '-P', port];
  expect(await run('sftp', ['-q', '-b', '-', ...options, 'root@127.0.0.1'], { input })).toContain(
    ` ${size} `,
  );
  await run('cmp', [here, there]);
  await run('cmp', [here, back]);
}

for (const mtu of [1280, 1420, 9000])
  for (const family of [4, 6] as const) {
    const tag = mtu === 1420 && family === 4 ? ' @core' : '';

    test(`eight streams, an MSS of 536, nc -k, chunks, empty datagrams and sftp at an MTU of ${mtu} over inner IPv${family}${tag}`, async ({
      startPrograms,
    }) => {
      test.setTimeout(240_000);
      const lab = await startPrograms({ way: 'directly', mtu });
      const { namespace } = lab.peer;
      const [nginx, sshd] = await Promise.all([
        Nginx.start(namespace, [1, 100_000, 4 * MIB]),
        Sshd.start(namespace),
        startServices(namespace),
      ]);
      lab.keep(nginx);
      lab.keep(sshd);
      await manyStreams(lab, family);
      await oneListenerForMany(lab, family);
      await chunked(lab, nginx, family);
      await emptyDatagrams(lab, family);
      await sftp(lab, sshd, family, 4 * MIB);
    });
  }

test('a gigabyte: curl gets it, sftp puts and gets it with new keys on the way', async ({
  startPrograms,
}) => {
  test.setTimeout(600_000);
  const lab = await startPrograms({ way: 'directly', mtu: 1420 });
  const sshd = lab.keep(await Sshd.start(lab.peer.namespace));
  const nginx = lab.keep(await Nginx.start(lab.peer.namespace, [1024 * MIB]));
  const { path, size, sha256 } = nginx.files[0]!;
  expect(await curl(undefined, `http://127.0.0.1:${await lab.toPeer(4, 80)}${path}`)).toEqual({
    status: 200,
    bytes: size,
    sha256,
  });
  await sftp(lab, sshd, 6, 1024 * MIB);
});

for (const family of [4, 6] as const)
  test(`ten thousand short requests to nginx over inner IPv${family}, each with a connection of its own`, async ({
    startPrograms,
  }) => {
    test.setTimeout(300_000);
    const lab = await startPrograms({ way: 'directly', mtu: 1420 });
    const nginx = lab.keep(await Nginx.start(lab.peer.namespace, [1]));
    const url = `http://127.0.0.1:${await lab.toPeer(family, 80)}${nginx.files[0]!.path}?[1-10000]`;
    expect(await curlMany(undefined, url, '-H', 'Connection: close')).toEqual(new Map([['200 1', 10_000]]));
    expect(lab.forwarder.connections).toHaveLength(10_000);
  });

test('with every local port connected to one service, the next connection is refused in words, until ports are free again', async ({
  startPrograms,
}) => {
  test.setTimeout(300_000);
  const lab = await startPrograms({ way: 'directly', mtu: 1420 });
  const { namespace } = lab.peer;
  await namespace.exec('sysctl', '-qw', 'net.core.somaxconn=65535', 'net.ipv4.tcp_max_syn_backlog=65535');
  const listen = async () => {
    const script = `require('node:net').createServer().listen({ port: 7000, host: '0.0.0.0', backlog: 60000 })`;
    const server = namespace.start(process.execPath, ['-e', script]);
    await listens(namespace, 7000);
    return server;
  };
  const server = await listen();
  // The kernel takes all of them in while their server stands still.
  process.kill(server.pid, 'SIGSTOP');
  const connect = (port = 7000) => new lab.tunnel.TCPSocket(INNER.peer4, port).opened;
  let opened = 0;
  const refusals = new Set<string>();
  while (refusals.size === 0) {
    const results = await Promise.allSettled(Array.from({ length: 500 }, () => connect()));
    for (const result of results)
      if (result.status === 'fulfilled') opened++;
      else refusals.add((result.reason as Error).message);
  }
  expect(opened).toBe(60_999 - 32_768 + 1);
  expect([...refusals]).toEqual([`All local ports are connected to ${INNER.peer4}:7000 already.`]);
  // Another service is reached all the same: its port answers.
  await expect(connect(7001)).rejects.toThrow(`${INNER.peer4}:7001 refused the connection.`);
  // All of its connections are reset.
  await server.stop('SIGKILL');
  await until('every connection to be reset', async () => {
    return (await lab.peer.exec('ss', '-Htan', 'dport', '!=', ':0', 'and', 'sport', '=', ':7000')) === '';
  });
  await listen();
  await connect();
});
