/// <reference lib="dom.asynciterable" preserve="true" />
// What a page imports. Everything not named here, or in client/names.ts, is internal.
import type { TunnelOptions } from './client/tunnel.ts';
import { Tunnel as AnyTunnel } from './client/tunnel.ts';
import { launchWorkerEngine } from './client/worker-engine.ts';
import type { TunnelConfig } from './core/wireguard/config.ts';

export * from './client/names.ts';

/** A WireGuard tunnel whose engine runs in a dedicated worker. */
export class Tunnel extends AnyTunnel {
  /**
   * Opens a tunnel: reads the configuration, starts an engine in a worker, and initiates to every peer that has an endpoint.
   * `options.relay` is needed, since a page cannot send UDP. Resolves before the first handshake, for which `ready` waits.
   *
   * Rejects with a TunnelError: ERR_CONFIG (a ConfigError where it is a line of the text), ERR_IN_USE, ERR_UNSUPPORTED,
   * ERR_WORKER; or with the reason of the signal.
   */
  static open(config: string | TunnelConfig, options: TunnelOptions = {}): Promise<Tunnel> {
    return Tunnel.openWith(launchWorkerEngine, config, options, { needsRelay: true });
  }
}
