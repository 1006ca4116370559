// What Linux finds out about the way to us, and what we do when one of its routes says that less gets through than the
// interface takes.
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { TcpInfo } from '../../src/core/netstack/tcp/state.ts';
import { startServices } from '../support/inner-programs.ts';
import { Nginx } from '../support/nginx.ts';
import { expect, test } from '../support/program-test.ts';
import { curl } from '../support/programs.ts';
import { INNER } from '../support/real-peer.ts';
import { BEHIND, NARROW_MTU, Routers } from '../support/routers.ts';

const MIB = 1024 * 1024;
const FAMILIES = [
  { family: 4, ours: INNER.our4, peer: INNER.peer4, host: BEHIND.host4, near: BEHIND.near4, headers: 40 },
  { family: 6, ours: INNER.our6, peer: INNER.peer6, host: BEHIND.host6, near: BEHIND.near6, headers: 60 },
] as const;
/** What the locked routes say; IPv6 knows no less than 1280. */
const LOCKED = { 4: 1200, 6: 1280 } as const;
const TIMESTAMPS = 12;
/** Octets that wireguard-go's socket (208 KiB, with the kernel's overhead) holds in one burst: none is lost but by the route. */
const ROUND = 64 * 1024;

test('tracepath finds us behind the tunnel, how far we are and what gets through @core', async ({
  startPrograms,
}) => {
  const lab = await startPrograms({ way: 'directly', mtu: 1420, behind: BEHIND.prefixes });
  const routers = await Routers.behind(lab.peer);
  lab.keep({ stop: () => routers.down() });
  for (const { family, ours } of FAMILIES) {
    const trace = [`-${family}`, '-n', ours];
    const near = await lab.peer.exec('tracepath', ...trace);
    expect(near).toMatch(/^ 1: .*reached$/m);
    expect(near).toMatch(/Resume: pmtu 1420 hops 1 back 1/);
    const far = await routers.host.exec('tracepath', ...trace);
    expect(far).toMatch(/^ 4: .*reached$/m);
    expect(far).toMatch(new RegExp(`Resume: pmtu ${NARROW_MTU} hops 4 back 4`));
  }
});

test('a connection goes on when a route on its way is locked to less, without a timeout @core', async ({
  startPrograms,
}) => {
  const lab = await startPrograms({ way: 'directly', mtu: 1420, behind: BEHIND.prefixes });
  const routers = await Routers.behind(lab.peer);
  lab.keep({ stop: () => routers.down() });
  await startServices(routers.host);
  for (const { family, host, near, headers } of FAMILIES) {
    const socket = new lab.tunnel.TCPSocket(host, 7);
    const { readable, writable } = await socket.opened;
    const writer = writable.getWriter();
    const reader = readable.getReader();
    const echo = async (size: number) => {
      const said = randomBytes(size);
      const sent = writer.write(said);
      const heard: Uint8Array[] = [];
      for (let left = size; left > 0; ) {
        const { value } = await reader.read();
        heard.push(value!);
        left -= value!.length;
      }
      await sent;
      expect(Buffer.concat(heard).equals(said)).toBe(true);
    };
    const echoRounds = async () => {
      for (let round = 0; round < MIB / ROUND; round++) await echo(ROUND);
    };
    // Within one process all of it comes, and not only what users are promised.
    const info = async () => (await socket.info()) as unknown as TcpInfo;
    await echoRounds();
    const before = await info();
    const prefix = family === 4 ? '10.99.0.0/16' : 'fd99::/32';
    const route = [`-${family}`, 'route', 'replace', prefix, 'via', near];
    await lab.peer.exec('ip', ...route, 'mtu', 'lock', String(LOCKED[family]));
    await echoRounds();
    const after = await info();
    expect(after.timeouts).toBe(before.timeouts);
    expect(after.mss).toBe(LOCKED[family] - headers - TIMESTAMPS);
    await writer.close();
    await reader.cancel();
  }
});

test('Linux sends us no more than a locked route allows, and cuts datagrams to it', async ({
  startPrograms,
}) => {
  const lab = await startPrograms({ way: 'directly', mtu: 1420 });
  const nginx = lab.keep(await Nginx.start(lab.peer.namespace, [8 * MIB]));
  await startServices(lab.peer.namespace);
  const { path, size, sha256 } = nginx.files[0]!;
  for (const { family, ours, headers } of FAMILIES) {
    const route = [`-${family}`, 'route', 'replace', ours, 'dev', lab.peer.device];
    await lab.peer.exec('ip', ...route, 'mtu', 'lock', String(LOCKED[family]));
    const url = `http://127.0.0.1:${await lab.toPeer(family, 80)}${path}`;
    expect(await curl(undefined, url)).toEqual({ status: 200, bytes: size, sha256 });
    const socket = createSocket('udp4');
    lab.keep({ stop: () => void socket.close() });
    const port = await lab.toPeer(family, 7);
    const fragments = async () => {
      const said = await lab.peer.exec('nstat', '-asz', family === 4 ? 'IpFragCreates' : 'Ip6FragCreates');
      return Number(/^Ip6?FragCreates +(\d+)/m.exec(said)![1]);
    };
    // The second fills a packet of the interface's MTU, and would not be cut without that route.
    for (const [length, cut] of [
      [1000, 0],
      [1420 - (headers - 12), 2],
      [9000, 8],
    ] as const) {
      const before = await fragments();
      const said = randomBytes(length);
      socket.send(said, port, '127.0.0.1');
      const [answer] = (await once(socket, 'message')) as [Buffer];
      expect(answer.equals(said), `${length} bytes`).toBe(true);
      expect((await fragments()) - before, `${length} bytes`).toBe(cut);
    }
  }
});

test('ping from Linux: each size up to the largest, a flood, and what must not be cut', async ({
  startPrograms,
}) => {
  test.setTimeout(120_000);
  const lab = await startPrograms({ way: 'directly', mtu: 1420 });
  for (const { family, ours, headers } of FAMILIES) {
    const fits = 1420 - (headers - 12);
    const ping = (...args: string[]) => lab.peer.exec('ping', `-${family}`, '-n', '-W', '5', ...args, ours);
    for (const size of [0, 1, 15, 56, fits, fits + 1, 9000, family === 4 ? 65_507 : 65_400]) {
      const told = await ping('-c', '3', '-i', '0.01', '-s', String(size));
      expect(told, `${size} bytes`).toContain('3 received');
      // It compares what comes back.
      expect(told, `${size} bytes`).not.toMatch(/wrong data|DUP|truncated/);
    }
    expect(await ping('-q', '-i', '0.002', '-c', '1000')).toContain('1000 received');
    // A thousand a second are answered, and fifty at once: a flood must not eat the way back.
    const flood = await ping('-q', '-f', '-c', '5000');
    const [, received, time] = /(\d+) received.* time (\d+)ms/.exec(flood)!.map(Number) as number[];
    expect(received!, flood).toBeGreaterThan(50);
    expect(received!, flood).toBeLessThan(time! + 100);
    expect(await ping('-c', '1', '-M', 'do', '-s', String(fits))).toContain('1 received');
    await expect(ping('-c', '1', '-M', 'do', '-s', String(fits + 1))).rejects.toThrow(/too long/i);
  }
});
