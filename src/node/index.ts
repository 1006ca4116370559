// What a Node program imports: the same Tunnel as in a page, with the engine in this process, over UDP or a relay.
import { Tunnel as AnyTunnel, type TunnelOptions } from '../client/tunnel.ts';
import type { TunnelConfig } from '../core/wireguard/config.ts';
import { NodeEngine } from './engine.ts';
import type { OuterCaptureOptions } from './outer-capture.ts';

export * from '../client/names.ts';

export type { OuterCaptureOptions };

/** What Node can do beside what pages can. */
export interface NodeTunnelOptions extends TunnelOptions {
  /** Records the datagrams outside, and, if told so, the keys with which Wireshark decrypts them: for finding faults only. */
  outerCapture?: OuterCaptureOptions;
}

/**
 * A WireGuard tunnel over this machine's own UDP sockets, or over `options.relay` where UDP does not get out; no root and
 * no network interface needed.
 */
export class Tunnel extends AnyTunnel {
  /**
   * Opens a tunnel: reads the configuration, starts an engine in this process, and initiates to every peer that has an
   * endpoint. Resolves before the first handshake, for which `ready` waits.
   *
   * Rejects with a TunnelError: ERR_CONFIG (a ConfigError where it is a line of the text), ERR_IN_USE, ERR_ADDRESS_IN_USE
   * (ListenPort), ERR_UNSUPPORTED; or with the reason of the signal.
   */
  static open(config: string | TunnelConfig, options: NodeTunnelOptions = {}): Promise<Tunnel> {
    const launch = async () => (await NodeEngine.start({ outerCapture: options.outerCapture })).client;
    return Tunnel.openWith(launch, config, options, { needsRelay: false });
  }
}
