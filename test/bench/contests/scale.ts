// How a tunnel bears many connections, and many peers.
import type { Runtime } from '../hosts/runtime.ts';
import type { Contests } from './catalog.ts';
import { Crowd } from './crowd.ts';
import type { Pair } from './engine.ts';
import { PeerCrowd } from './peer-crowd.ts';
import { alone } from './stack.ts';
import { tunnelHub, tunnelPair } from './tunnel-engine.ts';

export const CONNECTIONS = [1, 8, 64, 512];
export const PEERS = 10;

export async function scale(runtime: Runtime): Promise<Contests> {
  const pairs: Pair[] = [];
  for (const _ of CONNECTIONS) pairs.push(await tunnelPair(() => runtime.loadAssembly(), runtime.curve));
  const hub = await tunnelHub(() => runtime.loadAssembly(), PEERS, runtime.curve);
  const crowds = CONNECTIONS.map((count, i) => [
    nameOf(count),
    () => alone('MB/s', Crowd.CHUNK / 1e6, new Crowd(pairs[i]!, count), Crowd.expected(count)),
  ]);
  const peers = () => alone('MB/s', PeerCrowd.CHUNK / 1e6, new PeerCrowd(hub), PeerCrowd.expected(PEERS));
  return { ...Object.fromEntries(crowds), [`${PEERS} peers, a connection each`]: peers };
}

export function nameOf(connections: number): string {
  return connections === 1 ? '1 connection' : `${connections} connections`;
}
