// What takes minutes, on all ways at once.
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../support/child-process.ts';
import type { Mesh } from '../support/mesh.ts';
import { expect, test } from '../support/mesh-test.ts';
import { answered, WAYS } from '../support/our-side.ts';
import { INNER } from '../support/real-peer.ts';

const SECOND = 1000;

test('a keepalive each second on both sides, for a minute, directly and through the relay: the session stays as it is', async ({
  startMesh,
}) => {
  test.setTimeout(120 * SECOND);
  const meshes = await Promise.all(
    WAYS.map(async (way) => {
      const mesh = await startMesh({ way, peers: [{ keepalive: 1 }] });
      await mesh.connect({ keepalive: 1 });
      return mesh;
    }),
  );
  const before = await Promise.all(meshes.map((mesh) => mesh.us.status()));
  await delay(60 * SECOND);
  for (const [i, mesh] of meshes.entries()) {
    const { peers, drops } = await mesh.us.status();
    const [now, then] = [peers[0]!, before[i]!.peers[0]!];
    expect(now.latestHandshake).toEqual(then.latestHandshake);
    // Whoever says something first spares the other its turn: together one each second, or two if they tie.
    const keepalives = (now.transferRx + now.transferTx - then.transferRx - then.transferTx) / 32;
    expect(keepalives).toBeGreaterThan(50);
    expect(keepalives).toBeLessThan(130);
    expect(drops.wireguard).toEqual({});
    expect(await answered(mesh.us, INNER.peer4, { count: 3 })).toBe(3);
  }
});

test('past 180 s, with us as responder and with the peer, directly and through the relay: the rekey loses no ping', async ({
  startMesh,
}) => {
  test.setTimeout(300 * SECOND);
  const cases = WAYS.flatMap((way) => [
    { way, weInitiate: true },
    { way, weInitiate: false },
  ]);
  const results = await Promise.all(
    cases.map(async ({ way, weInitiate }) => {
      // We call by ourselves as soon as we are up; to be called we have to be strangers at first.
      const mesh = await startMesh({ way, listen: true, peers: [{ hasWrongKey: !weInitiate }] });
      await mesh.us.open(mesh.config({ listenPort: mesh.ourPort, keepalive: 0 }));
      if (!weInitiate) await letPeerCall(mesh);
      await mesh.us.ready();
      const latest = async () => (await mesh.peer.show(mesh.keys.publicKey)).latestHandshake!;
      const first = await latest();
      // Both sides send in each direction, so it is the initiator who renews, with the first packet after 120 s.
      const [toPeer, toUs] = await Promise.all([
        answered(mesh.us, INNER.peer4, { count: PINGS, interval: INTERVAL, timeout: 2000 }),
        pingUs(mesh),
      ]);
      const { peers } = await mesh.us.status();
      const renewedAfter = ((await latest()) - first) / SECOND;
      return { way, weInitiate, toPeer, toUs, drops: peers[0]!.drops, renewedAfter };
    }),
  );
  for (const [i, { renewedAfter, ...result }] of results.entries()) {
    expect(result).toEqual({ ...cases[i], toPeer: PINGS, toUs: PINGS, drops: {} });
    expect(renewedAfter).toBeGreaterThan(118);
    expect(renewedAfter).toBeLessThan(123);
  }
});

const INTERVAL = 400;
const PINGS = (190 * SECOND) / INTERVAL;

async function letPeerCall(mesh: Mesh): Promise<void> {
  const port = async () => (await mesh.us.status()).transport.localPorts[0]?.port;
  const ours = mesh.way === 'directly' ? mesh.ourPort : undefined;
  await until('our port', async () => (ours ?? (await port())) !== undefined);
  const where = `127.0.0.1:${ours ?? (await port())}`;
  const { our4, our6 } = INNER;
  await mesh.peer.set(
    'peer',
    mesh.keys.publicKey,
    'allowed-ips',
    `${our4}/32,${our6}/128`,
    'endpoint',
    where,
  );
  await mesh.poke();
}

/** How many of the peer's own pings we answered. */
async function pingUs(mesh: Mesh): Promise<number> {
  const flags = ['-n', '-q', '-i', String(INTERVAL / SECOND), '-c', String(PINGS), '-W', '2'];
  const said = await mesh.peer.exec('sh', '-c', `ping ${flags.join(' ')} ${INNER.our4} || true`);
  return Number(/(\d+) received/.exec(said)![1]);
}
