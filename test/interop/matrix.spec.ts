// What two WireGuard implementations must agree on, row by row, with wireguard-go as the other one; directly over UDP and
// through the relay. Rows that need their time are in long.spec.ts; transfers, rekey and reload of a page have files of their
// own.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { formatConfig, parseConfig, type TunnelConfig } from '../../src/node/index.ts';
import { run, until } from '../support/child-process.ts';
import { floodWithInitiations } from '../support/handshake-flood.ts';
import { generateKeys, generatePresharedKey } from '../support/keys.ts';
import type { Mesh } from '../support/mesh.ts';
import { expect, test } from '../support/mesh-test.ts';
import { Nginx } from '../support/nginx.ts';
import { answered, type OurSide, WAYS } from '../support/our-side.ts';
import { INNER, innerOf, RealPeer } from '../support/real-peer.ts';

/** An initiation follows the last one after at most this (REKEY_TIMEOUT and its jitter, WG §6.4). */
const ONE_TRY = 5340;

/** Pings until there is an answer; the milliseconds since `from`. */
async function untilAnswered(side: OurSide, host: string, from: number, timeout = 20_000): Promise<number> {
  await until(
    `an answer from ${host}`,
    async () => (await answered(side, host, { count: 1, timeout: 100 })) === 1,
    timeout,
  );
  return Date.now() - from;
}

const drops = async (side: OurSide) => (await side.status()).drops.wireguard;

for (const way of WAYS)
  test(`both at once, ${way}: initiations that cross cost one try or two, then there is one session`, async ({
    startMesh,
  }) => {
    // Half a second each way, so that each is under way before the other arrives.
    const mesh = await startMesh({ way, listen: true, peers: [{ proxy: { delay: 500 } }] });
    await mesh.peer.set('peer', mesh.keys.publicKey, 'endpoint', mesh.proxy.source);
    await mesh.us.open(mesh.config({ listenPort: mesh.ourPort }));
    await until('our initiation', () => mesh.proxy.handshakes.length === 1);
    await mesh.poke();
    const started = Date.now();
    await until('both responses', () => mesh.proxy.handshakes.length === 4);
    // Each answers the other's call, and so forgets its own: neither can use the response that it gets.
    const crossed = mesh.proxy.handshakes.map(({ from, message }) => `${from} ${message[0]}`);
    expect(crossed.slice(0, 2)).toEqual(['us 1', 'peer 1']);
    expect(crossed.slice(2).sort()).toEqual(['peer 2', 'us 2']);
    mesh.proxy.impair({});
    await mesh.us.ready();
    expect(await untilAnswered(mesh.us, INNER.peer4, started)).toBeLessThan(2 * ONE_TRY + 1500);
    expect(await mesh.peer.exec('ping', '-c', '3', '-i', '0.1', '-W', '1', INNER.our4)).toContain(
      '3 received',
    );
  });

for (const way of WAYS)
  test(`a peer that forgot us, ${way}: restarted, or removed and added again, traffic is back in 15.4 s`, async ({
    startMesh,
  }) => {
    const mesh = await startMesh({ way, peers: [{}, {}] });
    const [restarted, removed] = mesh.neighbours.map(({ real }) => real) as [RealPeer, RealPeer];
    await mesh.us.open(mesh.config());
    await Promise.all([mesh.us.ready(restarted.publicKey), mesh.us.ready(removed.publicKey)]);
    for (const n of [1, 2]) expect(await answered(mesh.us, innerOf(n).peer4, { count: 1 })).toBe(1);
    const forgotten = Date.now();
    await Promise.all([restarted.restart(), removed.set('peer', mesh.keys.publicKey, 'remove')]);
    const { our4, our6 } = INNER;
    await removed.set('peer', mesh.keys.publicKey, 'allowed-ips', `${our4}/32,${our6}/128`);
    const back = await Promise.all([1, 2].map((n) => untilAnswered(mesh.us, innerOf(n).peer4, Date.now())));
    // The first unanswered packet starts 15 s and a third of jitter; then there is one more ping's patience.
    for (const took of back) expect(took).toBeLessThan(15_400 + 200);
    expect(Date.now() - forgotten).toBeGreaterThan(10_000);
  });

test('our program starts again, directly: traffic is back with the next packet', async ({ startMesh }) => {
  const mesh = await startMesh({ way: 'directly' });
  await mesh.connect();
  expect(await answered(mesh.us, INNER.peer4, { count: 1 })).toBe(1);
  const before = (await mesh.peer.show()).endpoint;
  const started = Date.now();
  await mesh.us.open(mesh.config());
  expect(await answered(mesh.us, INNER.peer4, { count: 1, timeout: 2000 })).toBe(1);
  expect(Date.now() - started).toBeLessThan(1500);
  expect((await mesh.peer.show()).endpoint).not.toBe(before);
});

for (const way of WAYS)
  test(`three peers, ${way}: one has a wrong key, and the others do not notice`, async ({ startMesh }) => {
    const mesh = await startMesh({ way, peers: [{}, { hasWrongKey: true }, { presharedKey: true }] });
    await mesh.us.open(mesh.config());
    const [first, second, third] = mesh.neighbours.map(({ real }) => real.publicKey);
    await Promise.all([mesh.us.ready(first), mesh.us.ready(third)]);
    const counts = await Promise.all(
      [1, 2, 3].map((n) => answered(mesh.us, innerOf(n).peer4, { count: 5, interval: 20, timeout: 500 })),
    );
    expect(counts).toEqual([5, 0, 5]);
    const { peers } = await mesh.us.status();
    expect(peers.find(({ publicKey }) => publicKey === second)).toMatchObject({
      latestHandshake: undefined,
      transferRx: 0,
      handshakeAttempts: 1,
    });
    for (const publicKey of [first, third])
      expect(peers.find((peer) => peer.publicKey === publicKey)).toMatchObject({ drops: {} });
  });

for (const way of WAYS)
  test(`overlapping AllowedIPs, ${way}: the longer prefix decides, out and in`, async ({ startMesh }) => {
    const mesh = await startMesh({ way, peers: [{}, {}] });
    const [wide, narrow] = mesh.neighbours.map(({ real }) => real) as [RealPeer, RealPeer];
    await mesh.us.open(
      mesh.config({
        allowedIps: [
          ['10.98.0.0/16', 'fd98::/32'],
          [`${innerOf(2).peer4}/32`, 'fd98:0:0:2::/64'],
        ],
      }),
    );
    await Promise.all([mesh.us.ready(wide.publicKey), mesh.us.ready(narrow.publicKey)]);
    // Both have the second peer's addresses; only one is asked.
    await wide.exec('ip', 'addr', 'add', `${innerOf(2).peer4}/32`, 'dev', 'lo');
    await wide.exec('ip', 'addr', 'add', '10.98.77.7/32', 'dev', 'lo');
    const before = (await wide.show()).rxBytes;
    for (const address of [innerOf(2).peer4, innerOf(2).peer6])
      expect(await answered(mesh.us, address, { count: 2 })).toBe(2);
    expect((await wide.show()).rxBytes).toBe(before);
    expect(await answered(mesh.us, '10.98.77.7', { count: 2 })).toBe(2);
    // And in: the wide peer may not speak for the narrow one.
    const ping = (from: string) =>
      wide.exec('sh', '-c', `ping -n -c 2 -i 0.1 -W 1 -I ${from} ${INNER.our4} || true`);
    expect(await ping('10.98.77.7')).toContain(' 2 received');
    expect(await ping(innerOf(2).peer4)).toContain(' 0 received');
    const { peers } = await mesh.us.status();
    expect(peers[0]!.drops).toEqual({ disallowed_source: 2 });
    expect(peers[1]!.drops).toEqual({});
  });

for (const way of WAYS)
  test(`outer IPv4 and IPv6, with and without preshared key, inner IPv4 and IPv6, ${way}`, async ({
    startMesh,
  }) => {
    const mesh = await startMesh({
      way,
      peers: [{}, { presharedKey: true }, { outerIpv6: true }, { outerIpv6: true, presharedKey: true }],
    });
    await mesh.us.open(mesh.config());
    await Promise.all(mesh.neighbours.map(({ real }) => mesh.us.ready(real.publicKey)));
    const addresses = mesh.neighbours.flatMap(({ inner }) => [inner.peer4, inner.peer6]);
    const counts = await Promise.all(
      addresses.map((address) => answered(mesh.us, address, { count: 5, interval: 20 })),
    );
    expect(counts).toEqual(addresses.map(() => 5));
    for (const [i, { real }] of mesh.neighbours.entries()) {
      const shown = await real.show();
      expect(shown.hasPresharedKey).toBe(i % 2 === 1);
      expect(shown.endpoint).toMatch(i < 2 ? /^127\.0\.0\.1:/ : /^\[::1\]:/);
    }
  });

for (const way of WAYS)
  for (const mtu of [576, 1280, 1420, 9000])
    test(`an MTU of ${mtu}, ${way}: what just fits, what needs fragments, and TCP`, async ({ startMesh }) => {
      const mesh = await startMesh({
        way,
        mtu,
        peers: [{ services: true }],
        // The largest datagram: the MTU, WireGuard's 32 bytes, and padding.
        ...(mtu > 1420 && { limits: { maxDatagram: 9100 } }),
      });
      await mesh.connect();
      for (const size of [mtu - 28, mtu - 27, 2 * mtu])
        expect(await mesh.us.ping(INNER.peer4, { count: 1, size }), `${size} bytes`).toMatchObject([
          { ok: true, bytes: size },
        ]);
      const text = '0123456789abcdef'.repeat(20_000);
      expect(await mesh.us.exchange(INNER.peer4, 7, text)).toBe(text);
      expect(await drops(mesh.us)).toEqual({});
    });

for (const way of WAYS)
  test(`a peer whose MTU is larger than ours, ${way}: what it sends harms nothing`, async ({ startMesh }) => {
    const mesh = await startMesh({ way, peers: [{ mtu: 9000, services: true }] });
    await mesh.connect();
    for (const size of [1393, 2500, 8900])
      await mesh.peer.exec('sh', '-c', `ping -n -c 1 -W 1 -s ${size} ${INNER.our4} || true`);
    expect(await answered(mesh.us, INNER.peer4, { count: 3 })).toBe(3);
    expect(await mesh.us.exchange(INNER.peer4, 7, 'alive')).toBe('alive');
  });

for (const way of WAYS)
  test(`a peer under load, ${way}: it answers with a cookie, and our next try has a mac2 that it takes${way === 'directly' ? ' @core' : ''}`, async ({
    startMesh,
  }) => {
    const mesh = await startMesh({ way, peers: [{ proxy: {} }] });
    const { publicKey, port } = mesh.peer;
    // Bursts for as long as our first two tries take: the peer calls itself loaded for a second after each.
    const flood = floodWithInitiations(publicKey, port, { burst: 500, bursts: 32, every: 200 });
    await flood.loaded;
    await mesh.us.open(mesh.config());
    const ours = () => mesh.proxy.handshakes.filter(({ from }) => from === 'us');
    const replies = () => mesh.proxy.handshakes.filter(({ from }) => from === 'peer');
    // What comes while the peer's socket is full is lost, ours too: then it is the try after that.
    await until('a cookie reply', () => replies().length === 1, 8000);
    expect(replies()[0]!.message).toHaveLength(64);
    expect(replies()[0]!.message[0]).toBe(3);
    const withoutCookie = ours().length;
    expect(ours().map(({ message }) => hasMac2(message))).toEqual(Array(withoutCookie).fill(false));
    await mesh.us.ready();
    expect(await flood.over, 'the peer was under load').toBeGreaterThan(100);
    expect(await answered(mesh.us, INNER.peer4, { count: 3 })).toBe(3);
    const later = ours().slice(withoutCookie);
    expect(later.map(({ message }) => hasMac2(message))).toEqual(Array(later.length).fill(true));
    expect(later).not.toHaveLength(0);
    for (const [i, { at }] of ours().slice(1).entries()) {
      // The proxy takes note of each when it gets to it, between two bursts.
      expect(at - ours()[i]!.at).toBeGreaterThan(4500);
      expect(at - ours()[i]!.at).toBeLessThan(ONE_TRY + 300);
    }
  });

/** The last 16 of an initiation's 148 bytes (WG §5.4.2). */
function hasMac2(initiation: Buffer): boolean {
  return initiation.subarray(132).some((byte) => byte !== 0);
}

test('our configuration is wg’s: exported, stripped, loaded, shown and read again it is the same @core @node', async ({
  interopWorks,
}) => {
  expect(interopWorks).toBe(true);
  const [ours, first, second] = [generateKeys(), generateKeys(), generateKeys()];
  const config = parseConfig(`[Interface]
PrivateKey = ${ours.privateKey}
Address = 10.98.0.2/24, fd98::2/64
DNS = 10.98.0.1, inside.example
MTU = 1380
Table = off
ListenPort = 51999
FwMark = 0xca6c
PostUp = echo "up = %i"
[Peer]
PublicKey = ${first.publicKey}
PresharedKey = ${generatePresharedKey()}
Endpoint = [2001:db8::1]:51820
AllowedIPs = 10.98.0.0/16, 192.0.2.7/32, fd98::/48
PersistentKeepalive = 25
[Peer]
PublicKey = ${second.publicKey}
Endpoint = 192.0.2.1:443
AllowedIPs = 0.0.0.0/0, ::/0
`);
  const peer = await RealPeer.up({ publicKey: generateKeys().publicKey });
  const folder = mkdtempSync(join(tmpdir(), 'tabwire-config-'));
  try {
    const [file, stripped] = [join(folder, 'ours.conf'), join(folder, 'stripped')];
    writeFileSync(file, formatConfig(config), { mode: 0o600 });
    writeFileSync(stripped, await run('wg-quick', ['strip', file]), { mode: 0o600 });
    await run('wg', ['setconf', peer.device, stripped]);
    const shown = parseConfig(await peer.showConfig());
    expect(comparable(shown)).toEqual(comparable(config));
    expect(parseConfig(formatConfig(shown))).toEqual(shown);
  } finally {
    rmSync(folder, { recursive: true });
    await peer.down();
  }
});

/** What wg(8) keeps, in an order of our own: wireguard-go shows its peers in any, and prefixes sorted. */
function comparable({ interface: own, peers }: TunnelConfig) {
  const { privateKey, listenPort, fwMark } = own;
  return {
    own: { privateKey, listenPort, fwMark },
    peers: peers
      .map((peer) => ({
        ...peer,
        allowedIPs: [...peer.allowedIPs].sort(),
        persistentKeepalive: peer.persistentKeepalive ?? 0,
      }))
      .sort((a, b) => a.publicKey.localeCompare(b.publicKey)),
  };
}

for (const way of WAYS)
  test(`a hundred megabytes each way at once, ${way}, arrive as they were sent`, async ({ startMesh }) => {
    test.setTimeout(120_000);
    const size = 100_000_000;
    const mesh = await startMesh({ way, peers: [{ services: true }] });
    const nginx = await Nginx.start(mesh.peer.namespace, [size]);
    try {
      await mesh.connect();
      const [file] = nginx.files;
      const [got, given] = await Promise.all([
        mesh.us.download(INNER.peer4, file!.path),
        mesh.us.upload(INNER.peer6, 9, size),
      ]);
      expect(got).toMatchObject({ status: 200, bytes: size, sha256: file!.sha256 });
      expect(given.arrived).toBe(given.sent);
      expect(await drops(mesh.us)).toEqual({});
    } finally {
      await nginx.stop();
    }
  });

for (const way of WAYS)
  test(`after a quiet second, ${way}: wg show and status() agree, to the byte`, async ({ startMesh }) => {
    const mesh = await startMesh({ way, peers: [{ services: true }] });
    await mesh.connect();
    await mesh.us.exchange(INNER.peer4, 7, 'something to count '.repeat(5000));
    await answered(mesh.us, INNER.peer6, { count: 3 });
    const { ours, theirs } = await quiet(mesh);
    const peer = ours.peers[0]!;
    expect(peer.publicKey).toBe(mesh.peer.publicKey);
    expect(peer.transferRx).toBeGreaterThan(90_000);
    expect([peer.transferRx, peer.transferTx]).toEqual([theirs.txBytes, theirs.rxBytes]);
    expect(peer.endpoint).toBe(mesh.peer.endpoint);
    // Where the peer sees us is the relay's port, or our own.
    expect(ours.transport.localPorts[0]!.endpoint).toBe(mesh.peer.endpoint);
    expect(theirs.endpoint).toBe(`127.0.0.1:${ours.transport.localPorts[0]!.port}`);
    expect(Math.abs(peer.latestHandshake!.getTime() - theirs.latestHandshake!)).toBeLessThan(2000);
    expect(peer.drops).toEqual({});
    expect(ours.drops.wireguard).toEqual({});
  });

/** Both sides' view, when nothing has moved for a second. */
async function quiet(mesh: Mesh) {
  for (;;) {
    const before = await mesh.peer.show();
    await delay(1000);
    const theirs = await mesh.peer.show();
    if (theirs.rxBytes === before.rxBytes && theirs.txBytes === before.txBytes)
      return { theirs, ours: await mesh.us.status() };
  }
}
