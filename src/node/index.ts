// What a Node program imports: the same Tunnel as in a page, with the engine in this process, over UDP or a relay.
import { Tunnel as AnyTunnel, type TunnelOptions } from '../client/tunnel.ts';
import type { TunnelConfig } from '../core/wireguard/config.ts';
import { NodeEngine } from './engine.ts';
import type { OuterCaptureOptions } from './outer-capture.ts';

export type {
  ConfigureReport,
  ConfigureReset,
  DnsQueryType,
  DnsRecord,
  DnsRecordType,
  PeerStatus,
  PingReply,
  TunnelStatus,
} from '../bridge/api.ts';
export type { CaptureOptions } from '../client/capture.ts';
export type { DnsOptions } from '../client/dns-options.ts';
export type { ResponseHead, TunnelRequestInit, TunnelRequestOptions } from '../client/fetch.ts';
export {
  derivePublicKey,
  generateKeyPair,
  generatePresharedKey,
  generatePrivateKey,
  importPrivateKey,
} from '../client/keys.ts';
export type { ConfigureOptions, TunnelOptions } from '../client/tunnel.ts';
export { TunnelError } from '../core/errors.ts';
export {
  ConfigError,
  checkConfig,
  formatConfig,
  parseConfig,
  type TunnelConfig,
} from '../core/wireguard/config.ts';

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
  static open(config: string | TunnelConfig, options: NodeTunnelOptions = {}): Promise<Tunnel> {
    const { outerCapture, ...rest } = options;
    return Tunnel.openWith(async () => (await NodeEngine.start({ outerCapture })).client, config, {
      ...rest,
      needsRelay: false,
    });
  }
}
