import { wrap } from 'comlink';
import type { EngineApi } from '../bridge/api.ts';
import { TunnelError } from '../core/errors.ts';
import { type EngineAssets, EngineClient } from './engine-client.ts';
import { watchPageLife } from './page-life.ts';

/** Starts the engine in a dedicated module worker. The worker learns from its first message where the WASM file is. */
export function launchWorkerEngine({ worker: workerUrl, wasm }: EngineAssets): EngineClient {
  const worker = workerUrl
    ? new Worker(ownScript(workerUrl), { type: 'module', name: 'tabwire' })
    : new Worker(new URL('../worker/worker.js', import.meta.url), { type: 'module', name: 'tabwire' });
  worker.postMessage({ wasm: wasm === undefined ? undefined : String(new URL(wasm, location.href)) });
  const api = wrap<EngineApi>(worker) as unknown as EngineApi;
  const stopWatching = watchPageLife(() => void api.retryNow());
  const engine = new EngineClient(api, () => {
    worker.terminate();
    stopWatching();
  });
  worker.addEventListener('error', (event) => {
    event.preventDefault();
    const where = event.message
      ? `: ${event.message}`
      : '; perhaps its file is missing (`assets.worker` says where it is) or the page forbids workers';
    engine.end(new TunnelError('ERR_WORKER', `The tunnel's worker failed${where}.`));
  });
  worker.addEventListener('messageerror', () => {
    engine.end(new TunnelError('ERR_WORKER', "A message to the tunnel's worker could not be read."));
  });
  return engine;
}

/**
 * Browsers start no worker from a script of another origin, such as a CDN's; but one of ours may import it, if the other
 * server allows that (CORS) and the page's Content-Security-Policy has `blob:` among its worker-src.
 */
function ownScript(url: string | URL): URL | string {
  const script = new URL(url, location.href);
  if (script.origin === location.origin) return script;
  const text = `import ${JSON.stringify(script.href)};`;
  return URL.createObjectURL(new Blob([text], { type: 'text/javascript' }));
}
