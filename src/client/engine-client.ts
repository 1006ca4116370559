import type { EngineApi } from '../bridge/api.ts';
import { type Outcome, unwrap } from '../bridge/errors.ts';
import type { TunnelError } from '../core/errors.ts';

/** Starts an engine: in a Worker for pages, in this process for Node. */
export type EngineLauncher = (assets: EngineAssets) => EngineClient | Promise<EngineClient>;

/** Where the files lie, for bundlers and CDNs that move them. */
export interface EngineAssets {
  worker?: string | URL;
  wasm?: string | URL;
}

/**
 * The page's end of the engine. Calls reject when the engine dies, which Comlink alone would never tell, and sockets
 * learn of it too.
 */
export class EngineClient {
  readonly #api: EngineApi;
  readonly #terminate: () => void;
  readonly #mourners = new Set<(error: TunnelError) => void>();
  #death: TunnelError | undefined;

  constructor(api: EngineApi, terminate: () => void) {
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
    if (this.#death) listener(this.#death);
    else this.#mourners.add(listener);
    return () => this.#mourners.delete(listener);
  }

  /** Ends the engine and everything that hangs on it. */
  end(error: TunnelError): void {
    if (this.#death) return;
    this.#death = error;
    this.#terminate();
    for (const listener of this.#mourners) listener(error);
    this.#mourners.clear();
  }
}
