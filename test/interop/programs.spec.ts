// Programs that everybody has, unmodified, on our side of the tunnel and behind the peer: what they say to each other through
// our stack is what they say to each other through Linux's alone.
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { run, until } from '../support/child-process.ts';
import { DNS_RECORDS, Dnsmasq } from '../support/dnsmasq.ts';
import { freeTcpPort } from '../support/free-port.ts';
import { startServices } from '../support/inner-programs.ts';
import { Nginx } from '../support/nginx.ts';
import type { ProgramLab } from '../support/program-lab.ts';
import { expect, test } from '../support/program-test.ts';
import { curl, curlMany, dig, iperf3, keystrokes, Netcat, startIperf3 } from '../support/programs.ts';
import { INNER } from '../support/real-peer.ts';
import { Sshd } from '../support/sshd.ts';

const MIB = 1024 * 1024;
const MTUS = [1280, 1420, 9000] as const;
const FAMILIES = [4, 6] as const;
const WAYS = ['directly', 'through the relay'] as const;

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** `nc` there listens, says little and ends; `nc` here still has much to say. (One that listens leaves when it hears an end.) */
async function listenerEndsFirst(lab: ProgramLab, family: 4 | 6, size: number): Promise<void> {
  const [ours, theirs] = [randomBytes(size), randomBytes(10)];
  const listener = new Netcat(lab.peer.namespace, ['-N', `-${family}`, '-l', '7000'], theirs);
  await until('nc', async () => (await lab.peer.exec('ss', '-Hltn', 'sport = :7000')) !== '');
  const caller = new Netcat(undefined, ['-N', '127.0.0.1', String(await lab.toPeer(family, 7000))], ours);
  const [called, listened] = await Promise.all([caller.end(), listener.end()]);
  expect([called.code, listened.code]).toEqual([0, 0]);
  expect(called.received).toEqual(theirs);
  expect(listened.received.equals(ours)).toBe(true);
}

/** `nc` here ends, and hears to the end what an echo, and a sink that answers an end only, have to say. */
async function callerEndsFirst(lab: ProgramLab, family: 4 | 6, size: number): Promise<void> {
  const ours = randomBytes(size);
  const [echo, sink] = await Promise.all(
    [7, 9].map(async (port) =>
      new Netcat(undefined, ['-N', '127.0.0.1', String(await lab.toPeer(family, port))], ours).end(),
    ),
  );
  expect(echo!.received.equals(ours)).toBe(true);
  expect(String(sink!.received)).toBe(`${size} ${sha256(ours)}`);
}

/** A TCP echo on a port of 127.0.0.1 out here. */
async function startEcho(lab: ProgramLab): Promise<number> {
  const server = createTcpServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  lab.keep({ stop: () => void server.close() });
  return (server.address() as AddressInfo).port;
}

test('iperf3, curl, ssh, nc and dig talk through our stack as they do through the kernel’s @core', async ({
  startPrograms,
}) => {
  const lab = await startPrograms({ way: 'directly', mtu: 1420 });
  const { namespace } = lab.peer;
  const [nginx, sshd] = await Promise.all([
    Nginx.start(namespace, [8 * MIB]),
    Sshd.start(namespace),
    Dnsmasq.inside(namespace),
    startIperf3(lab.peer.namespace),
    startServices(namespace),
  ]);
  lab.keep(nginx);
  lab.keep(sshd);
  const port = await lab.toPeer(4, 5201);
  for (const args of [[], ['-R']]) {
    // The receiver does not count what is still in buffers when the sender has had enough.
    const { sent, received } = await iperf3(port, '-n', '32M', ...args);
    expect(received, `iperf3 ${args.join()}`).toBeGreaterThan(sent / 2);
  }
  const file = nginx.files[0]!;
  expect(await curl(undefined, `http://127.0.0.1:${await lab.toPeer(6, 80)}${file.path}`)).toEqual({
    status: 200,
    bytes: file.size,
    sha256: file.sha256,
  });
  const ssh = [...sshd.clientOptions, '-p', String(await lab.toPeer(4, 22)), 'root@127.0.0.1'];
  expect(await run('ssh', [...ssh, 'tr a-z A-Z'], { input: 'said over there' })).toBe('SAID OVER THERE');
  await listenerEndsFirst(lab, 4, MIB);
  await callerEndsFirst(lab, 6, MIB);
  const { answer } = await dig(undefined, '127.0.0.1', await lab.toPeer(6, 53), DNS_RECORDS.host.name);
  expect(answer).toEqual([expect.stringContaining(DNS_RECORDS.host.ipv4)]);
});

test('an answer in two small writes waits for the first one’s acknowledgement, unless the listener says noDelay', async ({
  startPrograms,
}) => {
  const lab = await startPrograms({ way: 'directly', mtu: 1420 });
  const head = new TextEncoder().encode('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n');
  const body = new TextEncoder().encode('hello');
  const serve = async (port: number, noDelay: boolean) => {
    const { readable } = await new lab.tunnel.TCPServerSocket('::', { localPort: port, noDelay }).opened;
    const { value: socket } = await readable.getReader().read();
    const connection = await socket!.opened;
    const writer = connection.writable.getWriter();
    // A request of curl's is one segment.
    for await (const _ of connection.readable as unknown as AsyncIterable<Uint8Array>) {
      await writer.write(head);
      await writer.write(body);
    }
    await writer.close();
  };
  const [nagle, atOnce] = [serve(80, false), serve(81, true)];
  const took = async (port: number) => {
    const started = performance.now();
    const answers = await curlMany(lab.peer.namespace, `http://${INNER.our4}:${port}/?[1-40]`);
    expect(answers).toEqual(new Map([['200 5', 40]]));
    return performance.now() - started;
  };
  // Linux delays an acknowledgement by 40 ms.
  const waiting = await took(80);
  expect(waiting).toBeGreaterThan(30 * 40);
  expect(await took(81)).toBeLessThan(waiting - 20 * 40);
  await Promise.all([nagle, atOnce]);
});

for (const mtu of MTUS)
  for (const family of FAMILIES) {
    const where = `at an MTU of ${mtu} over inner IPv${family}`;

    for (const way of WAYS)
      test(`iperf3 ${where}, ${way}: both ways, four streams, both ways at once, UDP`, async ({
        startPrograms,
      }) => {
        test.setTimeout(240_000);
        const lab = await startPrograms({ way, mtu });
        await startIperf3(lab.peer.namespace);
        const port = await lab.toPeer(family, 5201);
        for (const args of [[], ['-R'], ['-P', '4'], ['-P', '4', '-R'], ['--bidir']]) {
          const told = await iperf3(port, '-t', '3', ...args);
          const what = `iperf3 ${args.join(' ')}: ${JSON.stringify(told)}`;
          // How fast is the machine's affair, and how the directions share it; silence is ours.
          expect(told.pause, what).toBeLessThan(1.6);
          expect(told.received, what).toBeGreaterThan(MIB / 2);
          if (told.reverse) expect(told.reverse.received, what).toBeGreaterThan(MIB / 2);
        }
        // As large as an MTU of 1280 takes, and in fragments.
        for (const args of [
          ['-l', '1200'],
          ['-l', '4000'],
        ])
          for (const direction of [[], ['-R']]) {
            const told = await iperf3(port, '-u', '-b', '4M', '-t', '2', ...args, ...direction);
            const what = `iperf3 -u ${[...args, ...direction].join(' ')}: ${JSON.stringify(told)}`;
            expect(told.datagrams, what).toBeGreaterThan(200);
            // A machine that gives no time for a moment loses what its sockets do not hold, theirs and ours.
            expect(told.lost / told.datagrams, what).toBeLessThan(0.4);
          }
      });

    test(`ssh and scp ${where}: commands, 128 MiB each way with new keys on the way, keystrokes`, async ({
      startPrograms,
    }) => {
      test.setTimeout(240_000);
      const lab = await startPrograms({ way: 'directly', mtu });
      const sshd = lab.keep(await Sshd.start(lab.peer.namespace));
      const port = String(await lab.toPeer(family, 22));
      const ssh = [...sshd.clientOptions, '-p', port, 'root@127.0.0.1'];
      expect(await run('ssh', [...ssh, 'printf %s "$SSH_CONNECTION"'])).toMatch(
        family === 4
          ? new RegExp(`^${INNER.our4} \\d+ ${INNER.peer4} 22$`)
          : new RegExp(`^${INNER.our6} \\d+ ${INNER.peer6} 22$`),
      );
      await expect(run('ssh', [...ssh, 'exit 3'])).rejects.toThrow('ended with 3');
      const [here, there, back] = ['here', 'there', 'back'].map((name) => join(sshd.folder, name)) as [
        string,
        string,
        string,
      ];
      const bytes = randomBytes(128 * MIB);
      writeFileSync(here, bytes);
      const scp = [...sshd.clientOptions, '-o', 'RekeyLimit=24M', '-P', port];
      await run('scp', [...scp, here, `root@127.0.0.1:${there}`]);
      await run('scp', [...scp, `root@127.0.0.1:${there}`, back]);
      expect(sha256(readFileSync(there))).toBe(sha256(bytes));
      expect(sha256(readFileSync(back))).toBe(sha256(bytes));
      const typed = await keystrokes(ssh, 100);
      // A delayed acknowledgement costs 40 ms, a lost packet 200.
      expect(typed[Math.floor(typed.length * 0.9)], `${typed.join(' ')} ms`).toBeLessThan(40);
    });

    test(`curl ${where}: 1 B to 256 MiB, ranges, one connection for many, a thousand short ones`, async ({
      startPrograms,
    }) => {
      test.setTimeout(240_000);
      const lab = await startPrograms({ way: 'directly', mtu });
      const nginx = lab.keep(
        await Nginx.start(lab.peer.namespace, [1, mtu, 65_536, 1_000_000, 16 * MIB, 256 * MIB]),
      );
      const at = `http://127.0.0.1:${await lab.toPeer(family, 80)}`;
      for (const { path, size, sha256 } of nginx.files)
        expect(await curl(undefined, at + path), path).toEqual({ status: 200, bytes: size, sha256 });
      const [tiny, , , million] = nginx.files;
      for (const [first, last] of [
        [0, 0],
        [1000, 70_000],
        [999_999, 999_999],
      ] as const) {
        const part = nginx.read(million!).subarray(first, last + 1);
        expect(await curl(undefined, at + million!.path, '-r', `${first}-${last}`)).toEqual({
          status: 206,
          bytes: part.length,
          sha256: sha256(part),
        });
      }
      const opened = lab.forwarder.connections.length;
      expect(await curlMany(undefined, `${at}${tiny!.path}?[1-1000]`)).toEqual(new Map([['200 1', 1000]]));
      expect(lab.forwarder.connections.length - opened).toBe(1);
      expect(await curlMany(undefined, `${at}${tiny!.path}?[1-1000]`, '-H', 'Connection: close')).toEqual(
        new Map([['200 1', 1000]]),
      );
      expect(lab.forwarder.connections.length - opened).toBe(1001);
    });

    test(`nc -N ${where}: whoever ends first, the other says what it has to say`, async ({
      startPrograms,
    }) => {
      test.setTimeout(120_000);
      const lab = await startPrograms({ way: 'directly', mtu });
      await startServices(lab.peer.namespace);
      for (const size of [0, 1, 20 * MIB]) {
        await listenerEndsFirst(lab, family, size);
        await callerEndsFirst(lab, family, size);
      }
      // Nobody listens there.
      const refused = new Netcat(
        undefined,
        ['-N', '127.0.0.1', String(await lab.toPeer(family, 7001))],
        Buffer.from('hello'),
      );
      expect((await refused.end()).received).toHaveLength(0);
    });

    test(`dig ${where}: UDP of each size, TCP, aliases and what is not there, as in the namespace`, async ({
      startPrograms,
    }) => {
      const lab = await startPrograms({ way: 'directly', mtu });
      lab.keep(await Dnsmasq.inside(lab.peer.namespace));
      const port = await lab.toPeer(family, 53);
      const { host, alias, medium, large } = DNS_RECORDS;
      for (const question of [
        [host.name],
        ['-t', 'AAAA', alias],
        ['absent.inside.test'],
        ['elsewhere.example'],
        ...['+bufsize=512', '+bufsize=1232', '+bufsize=4096', '+noedns', '+tcp'].flatMap((size) => [
          ['-t', 'TXT', medium.name, size, '+ignore'],
          ['-t', 'TXT', large.name, size, '+ignore'],
          ['-t', 'TXT', large.name, size],
        ]),
      ])
        expect(await dig(undefined, '127.0.0.1', port, ...question), question.join(' ')).toEqual(
          await dig(lab.peer.namespace, INNER.peer4, 53, ...question),
        );
    });

    test(`curl, nc and dig from the namespace ${where} find programs on our side`, async ({
      startPrograms,
    }) => {
      test.setTimeout(240_000);
      const lab = await startPrograms({ way: 'directly', mtu });
      const { namespace } = lab.peer;
      const [address, url] = family === 4 ? [INNER.our4, INNER.our4] : [INNER.our6, `[${INNER.our6}]`];
      const body = randomBytes(8 * MIB);
      const web = createServer((request, response) => {
        const hash = createHash('sha256');
        request.on('data', (chunk: Buffer) => hash.update(chunk));
        request.on('end', () => response.end(request.method === 'GET' ? body : hash.digest('hex')));
      }).listen(0, '127.0.0.1');
      await once(web, 'listening');
      lab.keep({ stop: () => void web.close() });
      await lab.forwarder.inward(80, (web.address() as AddressInfo).port);
      expect(await curl(namespace, `http://${url}/`)).toEqual({
        status: 200,
        bytes: body.length,
        sha256: sha256(body),
      });
      const post = [namespace.name, 'curl', '-sS', '--data-binary', '@-', `http://${url}/`];
      expect(await run('ip', ['netns', 'exec', ...post], { input: body })).toBe(sha256(body));
      expect(await curlMany(namespace, `http://${url}/?[1-20]`, '-H', 'Connection: close')).toEqual(
        new Map([[`200 ${body.length}`, 20]]),
      );

      const echoPort = await startEcho(lab);
      await lab.forwarder.inward(7, echoPort);
      const said = randomBytes(8 * MIB);
      const echoed = await new Netcat(namespace, ['-N', address, '7'], said).end();
      expect(echoed.received.equals(said)).toBe(true);
      const ncPort = await freeTcpPort();
      const listener = new Netcat(undefined, ['-N', '-l', '127.0.0.1', String(ncPort)], Buffer.from('bye'));
      await until('nc listens', async () => (await run('ss', ['-Hltn', `sport = :${ncPort}`])) !== '');
      await lab.forwarder.inward(7000, ncPort);
      const caller = new Netcat(namespace, ['-N', address, '7000'], said);
      const [called, listened] = await Promise.all([caller.end(), listener.end()]);
      expect(String(called.received)).toBe('bye');
      expect(listened.received.equals(said)).toBe(true);

      const dns = lab.keep(await Dnsmasq.outside());
      await lab.forwarder.inward(53, dns.port);
      const { host, large } = DNS_RECORDS;
      for (const question of [
        [host.name],
        ['-t', 'TXT', large.name, '+bufsize=1232'],
        ['-t', 'TXT', large.name, '+bufsize=4096', '+ignore'],
        ['-t', 'TXT', large.name, '+tcp'],
      ])
        expect(await dig(namespace, address, 53, ...question), question.join(' ')).toEqual(
          await dig(undefined, '127.0.0.1', dns.port, ...question),
        );
    });
  }
