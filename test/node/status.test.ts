// What the status says, under the names of `wg show`, and what it never says.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  derivePublicKey,
  generatePresharedKey,
  generatePrivateKey,
  Tunnel,
  type TunnelStatus,
} from '../../src/node/index.ts';

const OURS = generatePrivateKey();
const THEIRS = generatePrivateKey();
const PSK = generatePresharedKey();
const STRANGER_PSK = generatePresharedKey();
const NEXT = generatePrivateKey();
const SECRETS = [OURS, THEIRS, PSK, STRANGER_PSK, NEXT];

/** Columns of `wg show … dump`, without the private key. */
const DEVICE = ['publicKey', 'listenPort', 'fwmark'];
const PEER = [
  ...['publicKey', 'presharedKey', 'endpoint', 'allowedIps', 'latestHandshake'],
  ...['transferRx', 'transferTx', 'persistentKeepalive'],
];

let us: Tunnel;
let them: Tunnel;
/** Everything that the page was told by events, logs and errors. */
const told: unknown[] = [];

beforeAll(async () => {
  them = await Tunnel.open(`[Interface]
PrivateKey = ${THEIRS}
Address = 10.6.0.1/24
[Peer]
PublicKey = ${derivePublicKey(OURS)}
PresharedKey = ${PSK}
AllowedIPs = 10.6.0.2/32`);
  const { listenPort } = await them.status();
  us = await Tunnel.open(
    `[Interface]
PrivateKey = ${OURS}
Address = 10.6.0.2/24, fd06::2/64
MTU = 1400
FwMark = 0x1f
[Peer]
PublicKey = ${derivePublicKey(THEIRS)}
PresharedKey = ${PSK}
AllowedIPs = 10.6.0.0/24, fd06::/64
Endpoint = 127.0.0.1:${listenPort}
PersistentKeepalive = 25
[Peer]
PublicKey = ${derivePublicKey(generatePrivateKey())}
PresharedKey = ${STRANGER_PSK}
AllowedIPs = 10.7.0.0/24`,
    { logger: (...line) => told.push(line) },
  );
  for (const type of ['handshake', 'peer', 'transport', 'error', 'close'] as const)
    us.addEventListener(type, ({ detail }) => told.push(detail));
  await us.ready;
  for await (const reply of us.ping('10.6.0.1', { count: 2, interval: 10 })) told.push(reply);
});

afterAll(() => Promise.all([us, them].map((tunnel) => tunnel?.close({ timeout: 0 }))));

/** Every string, key and byte in a value of any shape. */
function* contents(value: unknown, seen = new Set<unknown>()): Generator<string> {
  if (typeof value === 'string') yield value;
  if (typeof value !== 'object' || value === null || seen.has(value)) return;
  seen.add(value);
  if (ArrayBuffer.isView(value))
    yield Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
  else if (value instanceof ArrayBuffer) yield Buffer.from(value).toString('base64');
  for (const key of Reflect.ownKeys(value)) {
    yield String(key);
    yield* contents((value as Record<PropertyKey, unknown>)[key], seen);
  }
}

/** In base64, base64url, hex of either case, or as a list of numbers; a third of a key is too much. */
function holdsSecret(value: unknown): boolean {
  const texts = [...contents(value)];
  return SECRETS.some((secret) => {
    const bytes = Buffer.from(secret, 'base64');
    const part = bytes.subarray(3, 15);
    const forms = [part.toString('base64'), part.toString('base64url'), part.toString('hex'), part.join()];
    return forms.some((form) =>
      texts.some((text) => text.includes(form) || text.toLowerCase().includes(form)),
    );
  });
}

describe('the sockets', () => {
  it('are listed as ss lists them: who listens, what is connected, how much went through', async () => {
    const server = new them.TCPServerSocket('10.6.0.1', { localPort: 8080 });
    const bound = new them.UDPSocket({ localAddress: '10.6.0.1', localPort: 5353 });
    const { readable: calls } = await server.opened;
    await bound.opened;
    const client = new us.TCPSocket('10.6.0.1', 8080);
    const datagrams = new us.UDPSocket({ remoteAddress: '10.6.0.1', remotePort: 5353 });
    const { writable, localPort } = await client.opened;
    const writer = writable.getWriter();
    await writer.write(new Uint8Array(3000));
    const { writable: udp } = await datagrams.opened;
    await udp.getWriter().write({ data: new Uint8Array(100) });
    const { value: accepted } = await calls.getReader().read();
    await (await accepted!.opened).readable.getReader().read();
    await expect.poll(async () => (await them.sockets()).at(-1)?.bytesReceived).toBe(100);
    const [connection, socket] = await us.sockets();
    expect(connection).toMatchObject({
      protocol: 'tcp',
      state: 'ESTABLISHED',
      localAddress: '10.6.0.2',
      localPort,
      remoteAddress: '10.6.0.1',
      remotePort: 8080,
      bytesSent: 3000,
      tcp: { retransmits: expect.any(Number) as number, cwnd: expect.any(Number) as number },
    });
    expect(connection!.tcp!.rtt).toBeGreaterThan(0);
    expect(socket).toMatchObject({ protocol: 'udp', state: 'CONNECTED', remotePort: 5353, bytesSent: 100 });
    const theirs = await them.sockets();
    expect(theirs.map(({ protocol, state }) => `${protocol} ${state}`)).toEqual([
      'tcp LISTEN',
      'tcp ESTABLISHED',
      'udp BOUND',
    ]);
    expect(theirs[0]).not.toHaveProperty('remoteAddress');
    writer.releaseLock();
  });
});

describe('the status', () => {
  let status: TunnelStatus;
  beforeAll(async () => {
    status = await us.status();
  });

  it('says what wg show says, under the same names', () => {
    for (const name of DEVICE) expect(status, name).toHaveProperty(name);
    for (const name of PEER) expect(status.peers[0], name).toHaveProperty(name);
    expect(status).toMatchObject({
      publicKey: derivePublicKey(OURS),
      fwmark: 0x1f,
      addresses: ['10.6.0.2/24', 'fd06::2/64'],
      mtu: 1400,
    });
    expect(status.listenPort).toBeGreaterThan(0);
    const [peer, stranger] = status.peers;
    expect(peer).toMatchObject({
      publicKey: derivePublicKey(THEIRS),
      presharedKey: true,
      endpoint: expect.stringMatching(/^127\.0\.0\.1:\d+$/) as string,
      allowedIps: ['10.6.0.0/24', 'fd06::/64'],
      persistentKeepalive: 25,
      handshakeAttempts: 0,
    });
    expect(Date.now() - peer!.latestHandshake!.getTime()).toBeLessThan(60_000);
    // Response, and two answers; initiation, keepalive and two questions.
    expect(peer!.transferRx).toBeGreaterThanOrEqual(92 + 2 * 128);
    expect(peer!.transferTx).toBeGreaterThanOrEqual(148 + 32 + 2 * 128);
    expect(stranger).toMatchObject({
      endpoint: undefined,
      latestHandshake: undefined,
      transferRx: 0,
      transferTx: 0,
      persistentKeepalive: 0,
    });
  });

  it('of either side agrees with the other’s', async () => {
    const [ours, theirs] = await Promise.all([us.status(), them.status()]);
    expect(theirs.peers[0]!.endpoint).toBe(`127.0.0.1:${ours.listenPort}`);
    expect(theirs.peers[0]!.publicKey).toBe(ours.publicKey);
    expect(theirs.peers[0]!.transferRx).toBe(ours.peers[0]!.transferTx);
    expect(theirs.peers[0]!.transferTx).toBe(ours.peers[0]!.transferRx);
  });

  it('counts connections and retransmissions, and tells a queue only where a relay is', () => {
    // The one of the test above.
    expect(status.tcp).toEqual({ connections: 1, retransmits: expect.any(Number), blackHoles: 0 });
    expect(status.transport.queued).toBeUndefined();
  });

  it('keeps the order of the configuration', () => {
    expect(status.peers.map(({ allowedIps }) => allowedIps[0])).toEqual(['10.6.0.0/24', '10.7.0.0/24']);
  });

  it('counts what was refused, by its reason, of the peer and of the device', async () => {
    for await (const _ of us.ping('10.7.0.1', { count: 1, timeout: 20 }));
    const after = await us.status();
    expect(after.peers[1]!.drops).toEqual({ no_endpoint: 1 });
    expect(after.drops.wireguard).toMatchObject({ no_endpoint: 1 });
    expect(after.peers[0]!.drops).toEqual({});
  });

  it('holds no secret, in no form, and neither does anything else that is told', async () => {
    const keyed = `[Interface]\nPrivateKey = ${NEXT}\nAddress = 10.6.0.2/24\n[Peer]\nPublicKey = ${derivePublicKey(THEIRS)}\nPresharedKey = ${STRANGER_PSK}\nAllowedIPs = 10.6.0.0/24`;
    const report = await us.configure(keyed);
    const errors = await Promise.all(
      [keyed.replace('MTU', 'MTU = 0'), `${keyed}\nEndpoint = ${NEXT}`, `[Interface]\n${NEXT}`].map((text) =>
        us.configure(text).catch((error: unknown) => error),
      ),
    );
    expect(report.resets).toHaveLength(3);
    for (const value of [status, await us.status(), report, errors, told])
      expect(holdsSecret(value)).toBe(false);
    // That the search finds what is there.
    for (const found of [{ a: [PSK] }, new Map(), Buffer.from(NEXT, 'base64')]) {
      expect(holdsSecret(found)).toBe(!(found instanceof Map));
    }
    expect(holdsSecret(Buffer.from(OURS, 'base64').toString('hex').toUpperCase())).toBe(true);
    expect(told.length).toBeGreaterThan(4);
  });
});
