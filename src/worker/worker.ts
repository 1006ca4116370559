// The Worker's entry: the engine behind Comlink. The page's first message says where the WASM file is; calls that come
// before it is loaded wait for it.
import { expose } from 'comlink';
import type { EngineApi } from '../bridge/api.ts';
import { openMessageChannel } from '../bridge/channel.ts';
import { toPlainError } from '../bridge/errors.ts';
import { WasmSuite } from '../core/crypto/wasm-suite.ts';
import type { Environment } from '../core/environment.ts';
import { TunnelService } from '../service/service.ts';
import { type Relays, throughRelays } from '../transport/relays.ts';
import { loadAssembly } from './assembly.ts';
import { WorkerClock } from './clock.ts';
import { createIdentity } from './identity.ts';
import { BrowserKeyRegistry } from './key-registry.ts';

interface FirstMessage {
  /** Where the page wants the WASM file taken from; absent means beside this worker. */
  wasm?: string;
}

const start = new Promise<TunnelService>((resolve, reject) => {
  addEventListener(
    'message',
    ({ data }: MessageEvent<FirstMessage>) => startService(data).then(resolve, reject),
    { once: true },
  );
});

async function startService({ wasm }: FirstMessage): Promise<TunnelService> {
  const crypto = new WasmSuite(
    await loadAssembly(wasm ?? new URL('../../assembly/tabwire.wasm', import.meta.url)),
  );
  const environment: Environment = {
    crypto,
    memory: crypto.memory,
    fillRandom: (bytes) => {
      globalThis.crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>);
    },
    wallClock: () => Date.now(),
  };
  warmUp(crypto);
  const clock = new WorkerClock();
  let transport: Relays | undefined;
  return new TunnelService({
    environment,
    clock,
    keys: new BrowserKeyRegistry(),
    createIdentity: (privateKey, answered) => createIdentity(privateKey, { crypto, clock }, answered),
    async createTransport({ relays, listenPort, token }) {
      const listens = listenPort !== undefined;
      transport = await throughRelays({ urls: relays, memory: environment.memory, clock, listens, token });
      return transport;
    },
    openChannel: openMessageChannel,
    retryNow: () => transport?.retryNow(),
    finished: () => close(),
  });
}

/** In slices between other work: otherwise the first packets cost fifty times as much as later ones. */
function warmUp(crypto: WasmSuite): void {
  if (crypto.warmUp(64) > 0) setTimeout(() => warmUp(crypto));
}

/** The engine's methods, each waiting until there is an engine; if there never is, each says why. */
const engine = new Proxy({} as EngineApi, {
  get:
    (_, method: keyof EngineApi) =>
    (...args: unknown[]) =>
      start.then(
        (service) => (service[method] as (...args: unknown[]) => unknown).apply(service, args),
        (error: unknown) => ({ error: toPlainError(error) }),
      ),
});

// A call whose arguments this browser cannot read, such as a CryptoKey, would never be answered: better to fail aloud.
addEventListener('messageerror', () => {
  throw new Error('this browser cannot hand the arguments of a call, such as a CryptoKey, to a worker');
});

expose(engine);
