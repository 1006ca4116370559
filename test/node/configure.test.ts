// A running tunnel gets another configuration: whole engines in this process, over real UDP sockets on loopback.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  derivePublicKey,
  formatConfig,
  generatePresharedKey,
  generatePrivateKey,
  importPrivateKey,
  parseConfig,
  Tunnel,
  type TunnelConfig,
} from '../../src/node/index.ts';
import { createRelay } from '../../src/relay-host/index.ts';
import { freeUdpPort } from '../support/free-port.ts';

/** Another host: knows us, and nobody else. */
interface Host {
  readonly tunnel: Tunnel;
  readonly publicKey: string;
  readonly address: string;
  readonly port: number;
}

const OURS = generatePrivateKey();
const opened: Tunnel[] = [];
let us: Tunnel;
let config: TunnelConfig;
let a: Host;
let b: Host;

async function host(number: number, presharedKey?: string): Promise<Host> {
  const key = generatePrivateKey();
  const port = await freeUdpPort();
  const address = `10.8.0.${number}`;
  const tunnel = await Tunnel.open(`[Interface]
PrivateKey = ${key}
Address = ${address}/24
ListenPort = ${port}
[Peer]
PublicKey = ${derivePublicKey(OURS)}
${presharedKey ? `PresharedKey = ${presharedKey}` : ''}
AllowedIPs = 10.8.0.1/32, 10.8.0.100/32`);
  opened.push(tunnel);
  return { tunnel, publicKey: derivePublicKey(key), address, port };
}

function section({ publicKey, address, port }: Host): TunnelConfig['peers'][number] {
  return { publicKey, allowedIPs: [`${address}/32`], endpoint: `127.0.0.1:${port}` };
}

/** What is in force, and may be changed before it is given back. */
function draft(): TunnelConfig {
  return structuredClone(config);
}

async function configure(next: TunnelConfig | string, options = {}) {
  const report = await us.configure(next, options);
  config = typeof next === 'string' ? parseConfig(next) : next;
  return report;
}

beforeEach(async () => {
  [a, b] = await Promise.all([host(2), host(3)]);
  config = parseConfig(`[Interface]\nPrivateKey = ${OURS}\nAddress = 10.8.0.1/24`);
  config.peers = [section(a), section(b)];
  us = await Tunnel.open(config);
  opened.push(us);
  await Promise.all([us.peerReady(a.publicKey), us.peerReady(b.publicKey)]);
  // They have heard from us on the new session, too.
  await Promise.all([a.tunnel.ready, b.tunnel.ready]);
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((tunnel) => tunnel.close({ timeout: 0 })));
});

async function answers({ address }: Host, timeout = 1000): Promise<boolean> {
  for await (const reply of us.ping(address, { count: 1, timeout })) return reply.ok;
  return false;
}

async function peerOf({ publicKey }: Host) {
  return (await us.status()).peers.find((peer) => peer.publicKey === publicKey);
}

/** Four pings every 10 ms until it is told to stop; how many were sent and lost. */
function traffic({ address }: Host): () => Promise<{ sent: number; lost: number }> {
  const counts = { sent: 0, lost: 0 };
  let isOver = false;
  const run = async () => {
    for await (const reply of us.ping(address, { count: 100_000, interval: 10, timeout: 2000, size: 500 })) {
      counts.sent++;
      if (!reply.ok) counts.lost++;
      if (isOver) return;
    }
  };
  const running = Promise.all([run(), run(), run(), run()]);
  return async () => {
    isOver = true;
    await running;
    return counts;
  };
}

const NOTHING = { peers: { added: [], removed: [], changed: [] }, resets: [] };

describe('configure: peers', () => {
  it('the same configuration changes nothing', async () => {
    const before = await us.status();
    expect(await configure(draft())).toEqual(NOTHING);
    expect(await configure(formatConfig(draft()))).toEqual(NOTHING);
    const after = await us.status();
    for (const [index, { latestHandshake, endpoint }] of after.peers.entries())
      expect({ latestHandshake, endpoint }).toEqual({
        latestHandshake: before.peers[index]!.latestHandshake,
        endpoint: before.peers[index]!.endpoint,
      });
  });

  it('peer B goes, comes back, moves and changes while peer A has traffic: not one packet of A is lost', async () => {
    const stop = traffic(a);
    const handshake = (await peerOf(a))!.latestHandshake;
    const without = draft();
    without.peers = [section(a)];
    expect(await configure(without)).toMatchObject({ peers: { removed: [b.publicKey] } });
    expect(await answers(b, 50).catch(() => false)).toBe(false);
    const withBoth = draft();
    withBoth.peers.push(section(b));
    expect(await configure(withBoth)).toMatchObject({ peers: { added: [b.publicKey] } });
    await us.peerReady(b.publicKey);
    expect(await answers(b)).toBe(true);
    const changed = draft();
    Object.assign(changed.peers[1]!, { persistentKeepalive: 1, allowedIPs: ['10.8.0.3/32', '10.8.1.0/24'] });
    expect(await configure(changed)).toMatchObject({ peers: { changed: [b.publicKey], added: [] } });
    expect(await peerOf(b)).toMatchObject({
      persistentKeepalive: 1,
      allowedIps: ['10.8.0.3/32', '10.8.1.0/24'],
    });
    for (let round = 0; round < 20; round++) {
      await configure(round % 2 === 0 ? without : changed);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const { sent, lost } = await stop();
    expect(sent).toBeGreaterThan(50);
    expect(lost).toBe(0);
    expect((await peerOf(a))!.latestHandshake).toEqual(handshake);
  });

  it('a prefix moves with its new owner, whichever comes first', async () => {
    const moved = draft();
    moved.peers[0]!.allowedIPs = ['10.8.0.3/32'];
    moved.peers[1]!.allowedIPs = ['10.8.0.2/32'];
    expect(await configure(moved)).toEqual({
      peers: { added: [], removed: [], changed: [a.publicKey, b.publicKey] },
      resets: [],
    });
    expect((await peerOf(a))!.allowedIps).toEqual(['10.8.0.3/32']);
    expect((await peerOf(b))!.allowedIps).toEqual(['10.8.0.2/32']);
    const back = draft();
    back.peers[0]!.allowedIPs = ['10.8.0.2/32'];
    back.peers[1]!.allowedIPs = ['10.8.0.3/32'];
    await configure(back);
    expect(await answers(a)).toBe(true);
    expect(await answers(b)).toBe(true);
  });

  it('a prefix that two peers are given is the last one’s, as in a file', async () => {
    const both = draft();
    both.peers[0]!.allowedIPs = ['10.8.0.2/32', '10.8.0.3/32'];
    await configure(both);
    expect((await peerOf(a))!.allowedIps).toEqual(['10.8.0.2/32']);
    expect((await peerOf(b))!.allowedIps).toEqual(['10.8.0.3/32']);
  });

  it('a peer that has roamed stays where it is, unless its Endpoint is another than before', async () => {
    const port = await freeUdpPort();
    const far = parseConfig(`[Interface]\nAddress = 10.8.0.2/24\nListenPort = ${port}`);
    far.peers = [{ publicKey: derivePublicKey(OURS), allowedIPs: ['10.8.0.0/24'] }];
    await a.tunnel.configure(far);
    // It moved, and says so with the first packet from there.
    for await (const reply of a.tunnel.ping('10.8.0.1', { count: 1 })) expect(reply.ok).toBe(true);
    expect((await peerOf(a))!.endpoint).toBe(`127.0.0.1:${port}`);
    const kept = draft();
    kept.peers[0]!.persistentKeepalive = 9;
    await configure(kept);
    expect((await peerOf(a))!.endpoint).toBe(`127.0.0.1:${port}`);
    const without = draft();
    delete without.peers[0]!.endpoint;
    expect((await configure(without)).peers.changed).toEqual([]);
    expect((await peerOf(a))!.endpoint).toBe(`127.0.0.1:${port}`);
    const elsewhere = draft();
    elsewhere.peers[0]!.endpoint = '127.0.0.1:9';
    expect((await configure(elsewhere)).peers.changed).toEqual([a.publicKey]);
    expect((await peerOf(a))!.endpoint).toBe('127.0.0.1:9');
  });

  it('a peer with a wrong endpoint is called at the right one as soon as five seconds are over', async () => {
    const c = await host(4);
    const wrong = draft();
    wrong.peers.push({ ...section(c), endpoint: `127.0.0.1:${await freeUdpPort()}` });
    await configure(wrong);
    const right = draft();
    right.peers[2] = section(c);
    await configure(right);
    await us.peerReady(c.publicKey);
    expect(await answers(c)).toBe(true);
  });

  it('a peer that nobody knew where to find is called at once when it gets an endpoint', async () => {
    const c = await host(4);
    const lost = draft();
    lost.peers.push({ publicKey: c.publicKey, allowedIPs: [`${c.address}/32`] });
    await configure(lost);
    const found = draft();
    found.peers[2] = section(c);
    expect((await configure(found)).peers.changed).toEqual([c.publicKey]);
    // Nothing is sent there but the call itself.
    await us.peerReady(c.publicKey);
  });

  it('a preshared key counts from the next handshake on', async () => {
    const keyed = draft();
    keyed.peers[0]!.presharedKey = generatePresharedKey();
    expect((await configure(keyed)).peers.changed).toEqual([a.publicKey]);
    expect((await configure(draft())).peers.changed).toEqual([]);
    expect(await peerOf(a)).toMatchObject({ presharedKey: true });
    // The session that is there lives on.
    expect(await answers(a)).toBe(true);
    const other = draft();
    other.peers[0]!.presharedKey = generatePresharedKey();
    expect((await configure(other)).peers.changed).toEqual([a.publicKey]);
    const none = draft();
    delete none.peers[0]!.presharedKey;
    expect((await configure(none)).peers.changed).toEqual([a.publicKey]);
    expect(await peerOf(a)).toMatchObject({ presharedKey: false });
  });

  it('all peers may go, and peerReady of one that goes does not wait for ever', async () => {
    const c = draft();
    c.peers.push({ publicKey: derivePublicKey(generatePrivateKey()), allowedIPs: ['10.8.0.9/32'] });
    await configure(c);
    const waiting = us.peerReady(c.peers[2]!.publicKey);
    const empty = draft();
    empty.peers = [];
    expect((await configure(empty)).peers.removed).toHaveLength(3);
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_CONFIG', peer: c.peers[2]!.publicKey });
    expect((await us.status()).peers).toEqual([]);
  });

  it('a peer with our own key is passed over', async () => {
    const odd = draft();
    odd.peers.push({ publicKey: derivePublicKey(OURS), allowedIPs: ['10.8.0.77/32'] });
    expect(await configure(odd)).toEqual(NOTHING);
    expect((await us.status()).peers).toHaveLength(2);
  });
});

describe('configure: our own key', () => {
  it('may be left out, and stays', async () => {
    const keyless = draft();
    delete keyless.interface.privateKey;
    expect(await configure(keyless)).toEqual(NOTHING);
    expect((await us.status()).publicKey).toBe(derivePublicKey(OURS));
    expect(await answers(a)).toBe(true);
  });

  it('changes: sessions end, peers that know the new one answer, and the old one is free for others', async () => {
    const key = generatePrivateKey();
    const rekeyed = draft();
    rekeyed.interface.privateKey = key;
    const report = await configure(rekeyed);
    expect(report.peers).toEqual(NOTHING.peers);
    expect(report.resets).toEqual([
      {
        change: 'privateKey',
        resets: 'sessions',
        count: 2,
        detail: expect.stringContaining(derivePublicKey(key)) as string,
      },
    ]);
    expect(JSON.stringify(report)).not.toContain(key);
    expect((await us.status()).publicKey).toBe(derivePublicKey(key));
    const known = parseConfig('[Interface]\nAddress = 10.8.0.2/24');
    known.interface.listenPort = a.port;
    known.peers = [{ publicKey: derivePublicKey(key), allowedIPs: ['10.8.0.1/32'] }];
    const told = await a.tunnel.configure(known);
    expect(told.peers).toEqual({
      added: [derivePublicKey(key)],
      removed: [derivePublicKey(OURS)],
      changed: [],
    });
    expect(await answers(a, 8000)).toBe(true);
    const other = await Tunnel.open(
      `[Interface]\nPrivateKey = ${OURS}\nAddress = 10.8.0.1\n[Peer]\nPublicKey = ${a.publicKey}`,
    );
    await other.close();
  });

  it('that is another tunnel’s is refused, and nothing else of the configuration is applied', async () => {
    const key = generatePrivateKey();
    const other = await Tunnel.open(
      `[Interface]\nPrivateKey = ${key}\nAddress = 10.8.0.9\n[Peer]\nPublicKey = ${a.publicKey}`,
    );
    opened.push(other);
    const wanted = draft();
    wanted.interface.privateKey = key;
    wanted.interface.mtu = 1300;
    wanted.peers = [];
    await expect(us.configure(wanted)).rejects.toMatchObject({ code: 'ERR_IN_USE' });
    expect(await us.status()).toMatchObject({ mtu: 1420, publicKey: derivePublicKey(OURS) });
    expect(await answers(a)).toBe(true);
    await other.close();
    wanted.peers = draft().peers;
    await configure(wanted);
    expect((await us.status()).publicKey).toBe(derivePublicKey(key));
  });

  it('of a peer becomes ours: then that peer is gone', async () => {
    const key = generatePrivateKey();
    const withPeer = draft();
    withPeer.peers.push({ publicKey: derivePublicKey(key), allowedIPs: ['10.8.0.50/32'] });
    await configure(withPeer);
    const wanted = draft();
    wanted.interface.privateKey = key;
    expect((await configure(wanted)).peers).toEqual({
      added: [],
      removed: [derivePublicKey(key)],
      changed: [],
    });
    expect((await us.status()).peers).toHaveLength(2);
    const back = draft();
    back.interface.privateKey = OURS;
    expect((await configure(back)).peers.added).toEqual([derivePublicKey(key)]);
  });

  it('given beside the file at first: the file’s does not count, one given beside it later does', async () => {
    const key = generatePrivateKey();
    const warnings: string[] = [];
    const keyed = await Tunnel.open(draft(), {
      privateKey: key,
      logger: (level, message) => {
        if (level === 'warn') warnings.push(message);
      },
    });
    opened.push(keyed);
    expect(await keyed.configure(draft())).toEqual(NOTHING);
    expect(warnings.join()).toContain('PrivateKey of the configuration is not used');
    const next = generatePrivateKey();
    expect((await keyed.configure(draft(), { privateKey: next })).resets).toMatchObject([
      { change: 'privateKey' },
    ]);
    expect((await keyed.status()).publicKey).toBe(derivePublicKey(next));
  });
});

describe('configure: a key that cannot be read', () => {
  it('stays where the configuration has none, and gives way to another that cannot be read', async () => {
    const [key, next] = [generatePrivateKey(), generatePrivateKey()];
    const keyless = draft();
    delete keyless.interface.privateKey;
    const tunnel = await Tunnel.open(keyless, { privateKey: await importPrivateKey(key) });
    opened.push(tunnel);
    expect(await tunnel.configure(keyless)).toEqual(NOTHING);
    expect(await tunnel.configure(keyless, { privateKey: await importPrivateKey(key) })).toEqual(NOTHING);
    expect(await tunnel.status()).toMatchObject({ publicKey: derivePublicKey(key) });
    const report = await tunnel.configure(keyless, { privateKey: await importPrivateKey(next) });
    expect(report.resets).toMatchObject([{ change: 'privateKey', count: 0 }]);
    expect(await tunnel.status()).toMatchObject({ publicKey: derivePublicKey(next) });
    const known = parseConfig(`[Interface]\nAddress = 10.8.0.2/24\nListenPort = ${a.port}`);
    known.peers = [{ publicKey: derivePublicKey(next), allowedIPs: ['10.8.0.1/32'] }];
    await a.tunnel.configure(known);
    for await (const reply of tunnel.ping(a.address, { count: 1, timeout: 8000 }))
      expect(reply.ok).toBe(true);
  });
});

describe('configure: addresses, MTU, port', () => {
  async function connection() {
    const server = new a.tunnel.TCPServerSocket('0.0.0.0', { localPort: 7000 });
    const incoming = (await server.opened).readable.getReader();
    const socket = new us.TCPSocket(a.address, 7000);
    const opened = await socket.opened;
    const theirs = (await incoming.read()).value!;
    return { socket, opened, theirs, theirsOpened: await theirs.opened, server, incoming };
  }

  it('an address that is gone takes its connections along, with a reason, and leaves the others', async () => {
    const { socket, opened: streams, server, incoming } = await connection();
    const reading = streams.readable.getReader().read();
    const moved = draft();
    moved.interface.addresses = ['10.8.0.100/24'];
    const report = await configure(moved);
    expect(report.resets).toEqual([
      {
        change: 'addresses',
        resets: 'connections',
        count: 1,
        detail: expect.stringContaining('10.8.0.1') as string,
      },
    ]);
    await expect(socket.closed).rejects.toMatchObject({
      cause: {
        code: 'ERR_CONNECTION_RESET',
        message: expect.stringContaining('no longer an address') as string,
      },
    });
    await expect(reading).rejects.toBeDefined();
    expect(await us.status()).toMatchObject({ addresses: ['10.8.0.100/24'] });
    expect(await answers(a)).toBe(true);
    incoming.releaseLock();
    await server.close();
  });

  it('an address more resets nothing', async () => {
    const { opened: streams, theirsOpened, server, incoming } = await connection();
    const more = draft();
    more.interface.addresses = ['10.8.0.100/24', '10.8.0.1/24'];
    expect((await configure(more)).resets).toMatchObject([
      { change: 'addresses', resets: 'nothing', count: 0 },
    ]);
    const writer = streams.writable.getWriter();
    await writer.write(Uint8Array.of(1, 2, 3));
    expect((await theirsOpened.readable.getReader().read()).value).toEqual(Uint8Array.of(1, 2, 3));
    incoming.releaseLock();
    await server.close();
  });

  it('a smaller MTU is obeyed by a connection that exists, and nothing is lost', async () => {
    const { opened: streams, theirsOpened, server, incoming } = await connection();
    const small = draft();
    small.interface.mtu = 600;
    expect((await configure(small)).resets).toMatchObject([{ change: 'mtu', resets: 'nothing' }]);
    const before = (await peerOf(a))!.transferTx;
    const bytes = new Uint8Array(200_000).fill(5);
    const writing = streams.writable.getWriter().write(bytes);
    let received = 0;
    const reader = theirsOpened.readable.getReader();
    while (received < bytes.length) received += (await reader.read()).value!.length;
    await writing;
    expect(received).toBe(bytes.length);
    expect(await us.status()).toMatchObject({ mtu: 600 });
    // 84 bytes of headers and tag to 548 of text, where it would be 84 to 1368.
    const overhead = (await peerOf(a))!.transferTx - before - bytes.length;
    expect(overhead).toBeGreaterThan((84 * bytes.length) / 600);
    incoming.releaseLock();
    await server.close();
  });

  it('an MTU for which there is no room is refused', async () => {
    const large = draft();
    large.interface.mtu = 20_000;
    await expect(us.configure(large)).rejects.toMatchObject({ code: 'ERR_CONFIG' });
    await expect(
      Tunnel.open({ ...large, interface: { ...large.interface, privateKey: generatePrivateKey() } }),
    ).rejects.toMatchObject({
      code: 'ERR_CONFIG',
    });
  });

  it('another ListenPort: peers follow at once, and sessions live', async () => {
    const stop = traffic(a);
    const handshake = (await peerOf(a))!.latestHandshake;
    const port = await freeUdpPort();
    const moved = draft();
    moved.interface.listenPort = port;
    expect((await configure(moved)).resets).toMatchObject([{ change: 'listenPort', resets: 'nothing' }]);
    expect((await us.status()).listenPort).toBe(port);
    expect(await answers(a)).toBe(true);
    expect((await a.tunnel.status()).peers[0]!.endpoint).toBe(`127.0.0.1:${port}`);
    expect((await peerOf(a))!.latestHandshake).toEqual(handshake);
    const { sent } = await stop();
    expect(sent).toBeGreaterThan(0);
  });

  it('a ListenPort that is taken is refused, and all stays as it is', async () => {
    const wanted = draft();
    wanted.interface.listenPort = a.port;
    wanted.interface.privateKey = generatePrivateKey();
    wanted.peers = [];
    const before = (await us.status()).listenPort;
    await expect(us.configure(wanted)).rejects.toMatchObject({ code: 'ERR_ADDRESS_IN_USE' });
    expect(await us.status()).toMatchObject({ listenPort: before, publicKey: derivePublicKey(OURS) });
    expect(await answers(a)).toBe(true);
    expect(await configure(draft())).toEqual(NOTHING);
    // The key that was claimed for it is free again.
    delete wanted.interface.listenPort;
    expect((await configure(wanted)).resets).toMatchObject([{ change: 'privateKey' }]);
  });

  it('behind a relay the port is not ours to choose', async () => {
    const relay = createRelay({ listen: '127.0.0.1:0', allow: [`127.0.0.1:${a.port}`], allowNoOrigin: true });
    const { url } = await relay.listen();
    const relayed = await Tunnel.open(
      { ...draft(), interface: { ...draft().interface, privateKey: generatePrivateKey() } },
      { relay: url },
    );
    opened.push(relayed);
    const moved = draft();
    delete moved.interface.privateKey;
    expect(await relayed.configure(moved)).toEqual(NOTHING);
    moved.interface.listenPort = 4000;
    await expect(relayed.configure(moved)).rejects.toMatchObject({
      code: 'ERR_CONFIG',
      message: expect.stringContaining('ListenPort cannot change') as string,
    });
    // What a relayed tunnel assumes where the file says nothing.
    expect((await relayed.status()).peers[0]).toMatchObject({ persistentKeepalive: 25 });
    await relayed.close({ timeout: 0 });
    await relay.close();
  });
});

describe('configure: through a relay', () => {
  it('a channel is let go with its peer: one is enough for peers that come one after the other', async () => {
    const relay = createRelay({
      listen: '127.0.0.1:0',
      allow: [`127.0.0.1:${a.port}`, `127.0.0.1:${b.port}`],
      allowNoOrigin: true,
      limits: { channels: 1 },
    });
    const { url } = await relay.listen();
    const [first, second] = [draft(), draft()];
    first.peers = [section(a)];
    second.peers = [section(b)];
    await us.close({ timeout: 0 });
    us = await Tunnel.open(first, { relay: url });
    await us.peerReady(a.publicKey);
    for (const [next, at] of [
      [second, b],
      [first, a],
      [second, b],
    ] as const) {
      await us.configure(next);
      await us.peerReady(at.publicKey);
      expect(await answers(at)).toBe(true);
      expect((await us.status()).transport.problems).toEqual([]);
    }
    // Where B is was learned: that its Endpoint is no longer written down changes nothing.
    const unwritten = draft();
    unwritten.peers = [{ publicKey: b.publicKey, allowedIPs: second.peers[0]!.allowedIPs }];
    unwritten.peers[0]!.persistentKeepalive = 25;
    expect(await us.configure(unwritten)).toEqual(NOTHING);
    expect((await us.status()).transport.localPorts).toHaveLength(1);
    expect(await answers(b)).toBe(true);
    await us.close({ timeout: 0 });
    await relay.close();
  });
});

describe('configure: as a whole', () => {
  it.each<[string, (next: TunnelConfig) => void, RegExp]>([
    [
      'a prefix that is none',
      (next) => void (next.peers[1]!.allowedIPs = ['10.0.0.0/40']),
      /AllowedIPs.*prefix length/,
    ],
    ['a key that is none', (next) => void (next.peers[1]!.publicKey = 'abc'), /PublicKey: must be 44/],
    ['no address', (next) => void (next.interface.addresses = []), /no Address/],
    ['an endpoint without a port', (next) => void (next.peers[1]!.endpoint = 'a'), /port missing/],
    ['an MTU too small', (next) => void (next.interface.mtu = 100), /size must be/],
    ['a keepalive too long', (next) => void (next.peers[0]!.persistentKeepalive = 70_000), /65535/],
  ])('%s: one ERR_CONFIG, and nothing is applied', async (_name, spoil, message) => {
    const next = draft();
    next.peers.reverse();
    next.peers[0]!.persistentKeepalive = 3;
    spoil(next);
    const error = await us.configure(next).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'ERR_CONFIG', message: expect.stringMatching(message) as string });
    expect(String((error as Error).message)).not.toMatch(/^line/);
    expect((await peerOf(b))!.persistentKeepalive).toBe(0);
  });

  it('a file with a mistake is refused with its line', async () => {
    const text = `${formatConfig(draft())}Endpoint = nowhere\n`;
    await expect(us.configure(text)).rejects.toMatchObject({
      name: 'ConfigError',
      key: 'Endpoint',
      line: 14,
    });
  });

  it('calls are served one after the other', async () => {
    const [one, two, three] = [draft(), draft(), draft()];
    one.peers = [section(a)];
    three.peers = [section(b)];
    // The first takes longest.
    one.interface.listenPort = await freeUdpPort();
    const reports = await Promise.all([us.configure(one), us.configure(two), us.configure(three)]);
    expect(reports.map(({ peers }) => [peers.added, peers.removed])).toEqual([
      [[], [b.publicKey]],
      [[b.publicKey], []],
      [[], [a.publicKey]],
    ]);
    config = three;
    expect(await configure(draft())).toEqual(NOTHING);
  });

  it('one that fails does not hold up the next', async () => {
    const bad = draft();
    bad.interface.listenPort = a.port;
    const good = draft();
    good.interface.mtu = 1300;
    const [failed, done] = await Promise.allSettled([us.configure(bad), us.configure(good)]);
    expect([failed.status, done.status]).toEqual(['rejected', 'fulfilled']);
    expect(await us.status()).toMatchObject({ mtu: 1300 });
  });

  it('after close there is nothing to configure, and what waits in the queue learns of it', async () => {
    const moved = draft();
    moved.interface.listenPort = await freeUdpPort();
    const waiting = [us.configure(moved), us.configure(draft())].map((one) =>
      one.catch((error: unknown) => error),
    );
    await us.close({ timeout: 0 });
    for (const outcome of await Promise.all(waiting)) expect(outcome).toMatchObject({ code: 'ERR_CLOSED' });
    await expect(us.configure(draft())).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    // Nothing of what was under way holds the key.
    const again = await Tunnel.open(draft());
    await again.close({ timeout: 0 });
  });
});
