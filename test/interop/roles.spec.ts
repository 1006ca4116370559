// Who stands where: two points, a hub, a router, one who only answers, many at once. Each role directly over UDP and
// through the relay, where both can play it; a title that names one way says what holds only there.

import { run, until } from '../support/child-process.ts';
import { freeUdpPort } from '../support/free-port.ts';
import { startServices } from '../support/inner-programs.ts';
import { generateKeys } from '../support/keys.ts';
import type { Mesh } from '../support/mesh.ts';
import { expect, test } from '../support/mesh-test.ts';
import { Namespace, uniqueName } from '../support/namespace.ts';
import { answered, NodeSide, WAYS } from '../support/our-side.ts';
import { INNER, innerOf, type RealPeer } from '../support/real-peer.ts';

/** Where the peer, called by us, should call us back. */
async function ourEndpoint(mesh: Mesh): Promise<string> {
  const localPort = async () => (await mesh.us.status()).transport.localPorts[0]?.port;
  await until('our port', async () => (await localPort()) !== undefined);
  return `127.0.0.1:${await localPort()}`;
}

for (const way of WAYS)
  test(`point to point, ${way}: whoever has something to say begins`, async ({ startMesh }) => {
    const mesh = await startMesh({ way, peers: [{ services: true }] });
    await mesh.connect();
    expect(await mesh.us.exchange(INNER.peer4, 7, 'from us')).toBe('from us');
    await mesh.us.serveEcho(8080);
    const said = await mesh.peer.exec(
      'bash',
      '-c',
      `exec 3<>/dev/tcp/${INNER.our4}/8080; echo from the peer >&3; head -1 <&3`,
    );
    expect(said.trim()).toBe('from the peer');
  });

test('hub and spokes: a page and a Node program reach each other through a peer that forwards @core', async ({
  startMesh,
}) => {
  // The page's way to the hub is the relay, the program's is UDP. Neither of us forwards: a hub is a router.
  const spoke = { keys: generateKeys(), address4: '10.98.0.3', address6: 'fd98::3' };
  const mesh = await startMesh({
    way: 'through the relay',
    peers: [
      {
        others: [
          {
            publicKey: spoke.keys.publicKey,
            allowedIps: [`${spoke.address4}/32`, `${spoke.address6}/128`],
          },
        ],
      },
    ],
  });
  const program = new NodeSide();
  try {
    await mesh.us.open(mesh.config({ allowedIps: [['10.98.0.0/24', 'fd98::/64']] }));
    await program.open(`[Interface]
PrivateKey = ${spoke.keys.privateKey}
Address = ${spoke.address4}/24, ${spoke.address6}/64
[Peer]
PublicKey = ${mesh.peer.publicKey}
Endpoint = ${mesh.peer.endpoint}
AllowedIPs = 10.98.0.0/24, fd98::/64
`);
    await Promise.all([mesh.us.ready(), program.ready()]);
    for (const [side, addresses] of [
      [mesh.us, [spoke.address4, spoke.address6]],
      [program, [INNER.our4, INNER.our6]],
    ] as const) {
      await side.serveEcho(8080);
      for (const address of addresses) expect(await answered(side, address, { count: 3 })).toBe(3);
    }
    const text = 'through the hub '.repeat(10_000);
    expect(await mesh.us.exchange(spoke.address4, 8080, text)).toBe(text);
    expect(await program.exchange(INNER.our6, 8080, text)).toBe(text);
  } finally {
    await program.close();
  }
});

for (const way of WAYS)
  test(`a peer that is a router, ${way}: a service in the network behind it answers${way === 'directly' ? '' : ' @core'}`, async ({
    startMesh,
  }) => {
    const mesh = await startMesh({ way });
    const behind = await Namespace.create(uniqueName());
    try {
      await connectBehind(mesh.peer, behind);
      await startServices(behind);
      await mesh.us.open(
        mesh.config({ allowedIps: [[`${INNER.peer4}/32`, '192.168.77.0/24', 'fd77::/64']] }),
      );
      await mesh.us.ready();
      for (const address of ['192.168.77.2', 'fd77::2']) {
        expect(await answered(mesh.us, address, { count: 3 })).toBe(3);
        expect(await mesh.us.exchange(address, 7, 'who is behind?')).toBe('who is behind?');
      }
      // What is routed to the peer, but not beyond it, is told from silence.
      expect(await mesh.us.ping('192.168.77.9', { count: 1, timeout: 5000 })).toMatchObject([
        { ok: false, reason: 'unreachable', from: INNER.peer4 },
      ]);
    } finally {
      await behind.delete();
    }
  });

/** 192.168.77.0/24 and fd77::/64 between the peer (.1) and what is behind it (.2). */
async function connectBehind(peer: RealPeer, behind: Namespace): Promise<void> {
  const [near, far] = [`${uniqueName()}`, `${uniqueName()}`];
  await run('ip', [
    'link',
    'add',
    near,
    'netns',
    peer.namespace.name,
    'type',
    'veth',
    'peer',
    'name',
    far,
    'netns',
    behind.name,
  ]);
  for (const [namespace, link, own] of [
    [peer.namespace.name, near, 1],
    [behind.name, far, 2],
  ] as const) {
    await run('ip', ['-n', namespace, 'addr', 'add', `192.168.77.${own}/24`, 'dev', link]);
    await run('ip', ['-n', namespace, '-6', 'addr', 'add', `fd77::${own}/64`, 'dev', link, 'nodad']);
    await run('ip', ['-n', namespace, 'link', 'set', link, 'up']);
  }
  await run('ip', ['-n', behind.name, 'route', 'add', 'default', 'via', '192.168.77.1']);
  await run('ip', ['-n', behind.name, '-6', 'route', 'add', 'default', 'via', 'fd77::1']);
  await peer.forward();
}

test('only answering, directly: we know no endpoint, the peer calls, and we answer where it is', async ({
  startMesh,
}) => {
  const mesh = await startMesh({ way: 'directly', peers: [{ calls: true }] });
  await mesh.us.open(mesh.config({ listenPort: mesh.ourPort, withoutEndpoints: true }));
  expect(await answered(mesh.us, INNER.peer4, { count: 1, timeout: 200 })).toBe(0);
  expect((await mesh.us.status()).peers[0]).toMatchObject({ handshakeAttempts: 0, endpoint: undefined });
  await mesh.poke();
  await mesh.us.ready();
  expect(await answered(mesh.us, INNER.peer4, { count: 3 })).toBe(3);
  const { peers } = await mesh.us.status();
  expect(peers[0]).toMatchObject({ endpoint: mesh.peer.endpoint, handshakeAttempts: 0 });
});

/**
 * The peer does not know us when we first call, so our call goes unanswered; our next one is due five seconds later. In
 * between the peer learns who and where we are, and calls. Returns the milliseconds from that call to the session.
 */
async function calledInBetween(mesh: Mesh, endpoint: () => Promise<string>): Promise<number> {
  await mesh.us.open(mesh.config({ listenPort: 1, keepalive: 0 }));
  await until('our first call', async () => (await mesh.us.status()).peers[0]!.handshakeAttempts === 1);
  const called = Date.now();
  const where = await endpoint();
  await mesh.peer.set('peer', mesh.keys.publicKey, 'allowed-ips', `${INNER.our4}/32`, 'endpoint', where);
  await mesh.poke();
  const told = Date.now();
  expect(told - called, 'the peer calls well before our second try').toBeLessThan(2500);
  await until(
    'the session',
    async () => (await mesh.peer.show(mesh.keys.publicKey)).latestHandshake !== undefined,
    10_000,
  );
  return Date.now() - told;
}

test('only answering, in a page that listens: the peer calls through the relay, and the session begins right then @core', async ({
  startMesh,
}) => {
  const mesh = await startMesh({ way: 'through the relay', listen: true, peers: [{ hasWrongKey: true }] });
  const took = await calledInBetween(mesh, () => ourEndpoint(mesh));
  expect(took).toBeLessThan(1500);
  expect(await answered(mesh.us, INNER.peer4, { count: 3 })).toBe(3);
  expect((await mesh.us.status()).transport.notices).toEqual([]);
});

test('a relay that does not listen lets no call through: the session waits for our own next try', async ({
  startMesh,
}) => {
  const mesh = await startMesh({ way: 'through the relay', listen: false, peers: [{ hasWrongKey: true }] });
  // The relay has a port since our first call; what calls there is not let through, because nobody has answered us yet.
  const took = await calledInBetween(mesh, () => ourEndpoint(mesh));
  expect(took).toBeGreaterThan(2000);
  expect(await answered(mesh.us, INNER.peer4, { count: 3 })).toBe(3);
  expect((await mesh.us.status()).transport.notices).toMatchObject([
    { error: { message: expect.stringContaining('--allow-listen') } },
  ]);
});

test('a page that listens is found again after its relay restarted, although it had no session', async ({
  startMesh,
}) => {
  const mesh = await startMesh({ way: 'through the relay', listen: true, peers: [{ hasWrongKey: true }] });
  await mesh.us.open(mesh.config({ listenPort: 1, keepalive: 0 }));
  const first = await ourEndpoint(mesh);
  await mesh.relay!.restart();
  await until('another port', async () => (await ourEndpoint(mesh)) !== first, 10_000);
  const endpoint = await ourEndpoint(mesh);
  await mesh.peer.set('peer', mesh.keys.publicKey, 'allowed-ips', `${INNER.our4}/32`, 'endpoint', endpoint);
  await mesh.poke();
  await mesh.us.ready();
  expect(await answered(mesh.us, INNER.peer4, { count: 3 })).toBe(3);
});

for (const way of WAYS)
  test(`ten peers at once, ${way}: each has a session of its own and gets what is for it${way === 'directly' ? ' @core' : ''}`, async ({
    startMesh,
  }) => {
    test.setTimeout(60_000);
    const numbers = Array.from({ length: 10 }, (_, i) => i + 1);
    const mesh = await startMesh({
      way,
      peers: numbers.map((n) => ({ presharedKey: n % 2 === 0 })),
      limits: { channels: 10, initiationsPerSecondOfClient: 10 },
    });
    await mesh.us.open(mesh.config());
    await Promise.all(mesh.neighbours.map(({ real }) => mesh.us.ready(real.publicKey)));
    const counts = await Promise.all(
      numbers.flatMap((n) =>
        [innerOf(n).peer4, innerOf(n).peer6].map((address) =>
          answered(mesh.us, address, { count: 10, interval: 20 }),
        ),
      ),
    );
    expect(counts).toEqual(Array.from({ length: 20 }, () => 10));
    const { peers } = await mesh.us.status();
    for (const [i, { real }] of mesh.neighbours.entries()) {
      const theirs = await real.show();
      // Twenty echoes of 100 bytes or so, the handshake, and what the peer's kernel says of itself.
      expect(theirs.rxBytes).toBeGreaterThan(20 * 100);
      expect(theirs.rxBytes).toBeLessThan(20 * 250);
      expect(peers[i]).toMatchObject({ publicKey: real.publicKey, drops: {} });
    }
  });

test('roaming of the peer, directly: we follow it to its new port with its first word', async ({
  startMesh,
}) => {
  const mesh = await startMesh({ way: 'directly' });
  await mesh.connect();
  const port = await freeUdpPort();
  await mesh.peer.set('listen-port', String(port));
  await mesh.poke();
  await until(
    'its new port',
    async () => (await mesh.us.status()).peers[0]!.endpoint === `127.0.0.1:${port}`,
  );
  expect(await answered(mesh.us, INNER.peer4, { count: 3 })).toBe(3);
});

test('roaming of the peer, through the relay: a channel is one endpoint for good, so it takes a new configuration', async ({
  startMesh,
}) => {
  const port = await freeUdpPort();
  const mesh = await startMesh({ way: 'through the relay', alsoAllow: [port] });
  await mesh.connect();
  await mesh.peer.set('listen-port', String(port));
  await mesh.poke();
  expect(await answered(mesh.us, INNER.peer4, { count: 2, interval: 50, timeout: 500 })).toBe(0);
  expect((await mesh.us.status()).peers[0]!.endpoint).toBe(mesh.peer.endpoint);
  await mesh.us.configure(mesh.config().replace(mesh.peer.endpoint, `127.0.0.1:${port}`));
  // The new channel knows no session, and handshakes are five seconds apart.
  const isAnswered = async () => (await answered(mesh.us, INNER.peer4, { count: 1, timeout: 200 })) === 1;
  await until('an answer', isAnswered, 6000);
});

test('roaming of the peer, through the relay: back at its old port it is heard at once', async ({
  startMesh,
}) => {
  const mesh = await startMesh({ way: 'through the relay' });
  await mesh.connect();
  await mesh.peer.set('listen-port', String(await freeUdpPort()));
  expect(await answered(mesh.us, INNER.peer4, { count: 1, timeout: 500 })).toBe(0);
  await mesh.peer.set('listen-port', String(mesh.peer.port));
  expect(await answered(mesh.us, INNER.peer4, { count: 3, timeout: 1000 })).toBe(3);
});
