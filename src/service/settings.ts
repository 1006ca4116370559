// A configuration as the engine keeps it, and what its parts are told of it.
import type { EngineChange, EngineConfig, EnginePeer } from '../bridge/api.ts';
import { IpAddress, IpPrefix } from '../core/address.ts';
import { wipe } from '../core/bytes.ts';
import { TunnelError } from '../core/errors.ts';
import type { ResolverConfig } from '../core/netstack/dns/resolver.ts';
import { MAX_MTU } from '../core/netstack/ip-output.ts';
import type { DatagramTransport } from '../core/transport.ts';
import { MAX_PEERS } from '../core/wireguard/constants.ts';
import type { PeerConfig } from '../core/wireguard/device.ts';
import { checkNames, namePolicyOf } from './name-policy.ts';

/** A configuration without our own key. */
export type Settings = Omit<EngineConfig, 'privateKey'>;

/** Throws ERR_CONFIG for what the parser allows and this engine has no room for. */
export function checkSettings({ mtu, names, peers }: Settings): void {
  if (names) checkNames(names);
  if (mtu > MAX_MTU)
    throw new TunnelError('ERR_CONFIG', `MTU ${mtu}: there is room for packets of at most ${MAX_MTU} bytes.`);
  if (peers.length > MAX_PEERS)
    throw new TunnelError('ERR_CONFIG', `${peers.length} peers: there is room for at most ${MAX_PEERS}.`);
}

/** What the device is told about a peer. */
export function peerConfigOf(peer: EnginePeer, transport: DatagramTransport): PeerConfig {
  const { publicKey, presharedKey, endpoint, allowedIps, persistentKeepalive } = peer;
  return {
    publicKey,
    ...(presharedKey && { presharedKey }),
    ...(endpoint && { endpoint: transport.endpointFor(endpoint.host, endpoint.port) }),
    allowedIps: prefixesOf(allowedIps),
    persistentKeepalive,
  };
}

/** Of the configuration that was handed over. */
export function wipeSecrets({ privateKey, peers }: EngineChange): void {
  if (privateKey instanceof Uint8Array) wipe(privateKey);
  for (const { presharedKey } of peers) if (presharedKey) wipe(presharedKey);
}

/** What may be kept of it. */
export function withoutSecrets(settings: Settings): Settings {
  const { addresses, mtu, dns, searchDomains, names, listenPort, fwMark, peers } = settings;
  return { addresses, mtu, dns, searchDomains, names, listenPort, fwMark, peers: peers.map(withoutSecret) };
}

export function withoutSecret(peer: EnginePeer): EnginePeer {
  return { ...peer, presharedKey: undefined };
}

/** What the resolver is told. */
export function resolverConfigOf({ dns = [], searchDomains = [], names }: Settings): ResolverConfig {
  return { servers: dns.map((text) => IpAddress.parse(text)!), searchDomains, ...namePolicyOf(names) };
}

export function prefixesOf(texts: readonly string[]): IpPrefix[] {
  return texts.map((text) => IpPrefix.parse(text)!);
}
