// The relays that a user named: ours, or somebody's wstunnel servers, by the scheme of their URLs.
import { TunnelError } from '../core/errors.ts';
import type { DatagramTransport } from '../core/transport.ts';
import { RelayTransport, type RelayTransportOptions } from './relay-transport.ts';
import { WSTUNNEL_SCHEME } from './wstunnel-protocol.ts';

export interface Relays extends DatagramTransport {
  /** The network or the page is back, or someone is impatient. */
  retryNow(): void;
}

/** Rejects with TunnelError ERR_CONFIG for URLs that are wrong or do not go together. wstunnel is loaded where it is named. */
export async function throughRelays(options: RelayTransportOptions): Promise<Relays> {
  const foreign = options.urls.filter((url) => url.toLowerCase().startsWith(WSTUNNEL_SCHEME)).length;
  if (foreign === 0) return new RelayTransport(options);
  if (foreign < options.urls.length)
    throw new TunnelError('ERR_CONFIG', 'Name Tabwire relays or wstunnel servers, not both at once.');
  const { WstunnelTransport } = await import('./wstunnel-transport.ts');
  return new WstunnelTransport(options);
}
