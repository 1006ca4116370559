import { transfer } from 'comlink';
import type { EngineApi } from '../bridge/api.ts';
import { type Channel, openMessageChannel } from '../bridge/channel.ts';
import { type Outcome, unwrap } from '../bridge/errors.ts';
import type { TunnelError } from '../core/errors.ts';

/** Starts an engine: in a Worker for pages, in this process for Node. */
export type EngineLauncher = (assets: EngineAssets) => EngineClient | Promise<EngineClient>;

/** Where the files lie, for bundlers and CDNs that move them. */
export interface EngineAssets {
  /** The engine's script; in the package `dist/browser/tabwire-worker.js`. Of another origin, it must allow CORS. */
  worker?: string | URL;
  /** `tabwire.wasm`; absent: beside the worker, as in the package. */
  wasm?: string | URL;
}

/** Who wants to know when the engine ends. */
export interface Mourner {
  engineEnded(error: TunnelError): void;
}

/**
 * The page's end of the engine. Calls reject when the engine dies, which Comlink alone would never tell, and sockets
 * learn of it too.
 */
export class EngineClient {
  /** Opens a channel whose far end can be an argument of a call. */
  readonly openChannel: () => Channel;
  readonly #api: EngineApi;
  readonly #terminate: () => void;
  readonly #mourners = new Set<Mourner>();
  #death: TunnelError | undefined;

  constructor(api: EngineApi, terminate: () => void, openChannel: () => Channel = openTransferredChannel) {
    this.openChannel = openChannel;
    this.#api = api;
    this.#terminate = terminate;
  }

  /** Calls the engine and unpacks its answer. */
  call<T>(method: (api: EngineApi) => Promise<Outcome<T>>): Promise<T> {
    if (this.#death) return Promise.reject(this.#death);
    return new Promise((resolve, reject) => {
      const forget = this.onDeath(reject);
      method(this.#api).then(unwrap).then(resolve, reject).finally(forget);
    });
  }

  /** Calls `listener` once, when the engine ends; returns how to take that back. */
  onDeath(listener: (error: TunnelError) => void): () => void {
    const mourner: Mourner = { engineEnded: listener };
    this.addMourner(mourner);
    return () => this.removeMourner(mourner);
  }

  /** Tells it once, when the engine ends; at once, if it has. */
  addMourner(mourner: Mourner): void {
    if (this.#death) mourner.engineEnded(this.#death);
    else this.#mourners.add(mourner);
  }

  removeMourner(mourner: Mourner): void {
    this.#mourners.delete(mourner);
  }

  /** Ends the engine and everything that hangs on it. */
  end(error: TunnelError): void {
    if (this.#death) return;
    this.#death = error;
    this.#terminate();
    for (const mourner of this.#mourners) mourner.engineEnded(error);
    this.#mourners.clear();
  }
}

function openTransferredChannel(): Channel {
  const { near, far } = openMessageChannel();
  return { near, far: transfer(far, [far as MessagePort]) };
}
