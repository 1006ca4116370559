// A page that does nothing but open a tunnel, at once: its address says which.
import { Tunnel } from '../../../../src/index.ts';
import { listen } from './listen.ts';
import type { OpenWish } from './tunnel.ts';

export interface Started {
  /** ms since the navigation began. */
  ready: number;
  /** The same as ms since 1970. */
  at: number;
}

const { config, relay } = JSON.parse(decodeURIComponent(location.hash.slice(1))) as OpenWish;

async function start(): Promise<Started> {
  const tunnel = await Tunnel.open(config, { relay });
  await tunnel.ready;
  const ready = performance.now();
  await tunnel.close({ timeout: 0 });
  return { ready, at: performance.timeOrigin + ready };
}

const started = start();
void listen({ started: () => started });
