// A page that does only what a browser must do for any tunnel: a module worker, and a WebSocket from it to the relay.
import { listen } from './listen.ts';
import type { Started } from './start.ts';
import type { OpenWish } from './tunnel.ts';

const { relay } = JSON.parse(decodeURIComponent(location.hash.slice(1))) as OpenWish;

const worker = new Worker(new URL('./floor-worker.ts', import.meta.url), { type: 'module' });
worker.postMessage(relay);
const started = new Promise<Started>((resolve) => {
  worker.onmessage = () => {
    const ready = performance.now();
    resolve({ ready, at: performance.timeOrigin + ready });
  };
});
void listen({ started: () => started });
