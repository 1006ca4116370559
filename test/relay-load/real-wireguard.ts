// L8: a real wireguard-go through the relay, over a transfer, a long rest and an upload: the gate drops nothing of it.
import { setTimeout as delay } from 'node:timers/promises';
import { Tunnel } from '../../src/node/index.ts';
import { startServices } from '../support/inner-programs.ts';
import { generateKeys } from '../support/keys.ts';
import { obstacle, prepare } from '../support/prerequisites.ts';
import { ourConfig, RealPeer } from '../support/real-peer.ts';
import { LoadRelay } from './load-relay.ts';
import type { Row } from './loads.ts';
import type { RelayReport } from './relay-child.ts';

const [DEAF, SOURCE] = [8, 19];
/** Takes what comes, and says nothing, not even that nobody listens. */
const DEAF_PROGRAM = `require("dgram").createSocket("udp6").bind(${DEAF}, "::", () => console.log("ready"))`;
const MINUTE = 60_000;
const UPLOAD_SIZE = 1200;
const UPLOAD_EVERY = 5;
/** Of the gate, in both directions: not what was too much for a queue or a rate. */
const NO_GATE: ReadonlySet<string> = new Set(['queue', 'rate', 'send_failed']);

export async function realWireGuard(seconds: number, idleMinutes: number): Promise<Row[]> {
  await prepare('interop');
  const why = await obstacle('interop');
  if (why) throw new Error(why);
  const keys = generateKeys();
  const peer = await RealPeer.up({ publicKey: keys.publicKey });
  const services = await startServices(peer.namespace);
  await peer.namespace.start(process.execPath, ['-e', DEAF_PROGRAM]).saw(/^ready$/m);
  const relay = await LoadRelay.start([peer.endpoint]);
  const tunnel = await Tunnel.open(ourConfig(peer, keys.privateKey, peer.endpoint), { relay: relay.url });
  try {
    await tunnel.ready;
    const bytes = await download(tunnel, peer, seconds);
    await delay(idleMinutes * MINUTE);
    const echo = await ping(tunnel, peer);
    await upload(tunnel, peer, seconds);
    const drops = gateDrops(await relay.report());
    return [
      {
        id: 'L8',
        what: `wireguard-go: ${seconds} s of TCP, ${idleMinutes} min of rest, ${seconds} s of UDP up`,
        bound: 'echo after the rest <= 1 s; no drop at the gate',
        seen: `${(bytes / seconds / 1e6).toFixed(0)} MB/s, echo ${Math.round(echo)} ms, ${drops} drops`,
        holds: bytes > 0 && echo <= 1000 && drops === 0,
      },
    ];
  } finally {
    await tunnel.close();
    await relay.stop();
    await services.stop();
    await peer.down();
  }
}

async function download(tunnel: Tunnel, { inner }: RealPeer, seconds: number): Promise<number> {
  const socket = new tunnel.TCPSocket(inner.peer4, SOURCE);
  const { readable } = await socket.opened;
  const until = performance.now() + 1000 * seconds;
  let bytes = 0;
  for await (const chunk of readable as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (performance.now() > until) break;
  }
  return bytes;
}

async function ping(tunnel: Tunnel, { inner }: RealPeer): Promise<number> {
  const began = performance.now();
  for await (const { ok } of tunnel.ping(inner.peer4, { count: 1, timeout: 5000 }))
    if (ok) return performance.now() - began;
  return Number.POSITIVE_INFINITY;
}

/** To a program that says nothing: the peer's keepalives are the only answer. */
async function upload(tunnel: Tunnel, { inner }: RealPeer, seconds: number): Promise<void> {
  const socket = new tunnel.UDPSocket({ remoteAddress: inner.peer4, remotePort: DEAF });
  const { writable } = await socket.opened;
  const writer = writable.getWriter();
  const data = new Uint8Array(UPLOAD_SIZE);
  for (const until = performance.now() + 1000 * seconds; performance.now() < until; ) {
    await writer.write({ data });
    await delay(UPLOAD_EVERY);
  }
  await socket.close().catch(() => {});
}

function gateDrops({ dropsUp, dropsDown }: RelayReport): number {
  const drops = [...Object.entries(dropsUp), ...Object.entries(dropsDown)];
  return drops.reduce((all, [reason, count]) => all + (NO_GATE.has(reason) ? 0 : count), 0);
}
