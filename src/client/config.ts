// From a configuration as the user has it to what the engine is given.
import type { EngineConfig, EnginePeer } from '../bridge/api.ts';
import { wipe } from '../core/bytes.ts';
import { TunnelError } from '../core/errors.ts';
import { parseConfig, type TunnelConfig } from '../core/wireguard/config.ts';
import { decodeKey } from '../core/wireguard/keys.ts';
import { checkCryptoKey, decodePrivateKey } from './keys.ts';

/** 1500 less WireGuard over IPv6 over UDP: fits either outer family. */
export const DEFAULT_MTU = 1420;

/** Behind a relay the way back stays open only while something flows, so this is assumed where the file says nothing. */
const RELAYED_KEEPALIVE_SECONDS = 25;

export interface ConfigSources {
  /** Base64, or an X25519 key, in place of the file's PrivateKey. */
  privateKey?: string | CryptoKey | undefined;
  isRelayed: boolean;
}

/** Throws ERR_CONFIG with one sentence that names what is missing or wrong; for a line of the file, a ConfigError. */
export function engineConfigOf(
  config: string | TunnelConfig,
  { privateKey, isRelayed }: ConfigSources,
): EngineConfig {
  const parsed = typeof config === 'string' ? parseConfig(config) : config;
  const { interface: own, peers } = parsed;
  const key = privateKey ?? own.privateKey;
  if (!key) throw refused('The configuration has no PrivateKey, and none was given beside it.');
  if (own.addresses.length === 0) {
    throw refused(
      'The configuration has no Address: without one there is nothing to send from. Add the line "Address = …" that your administrator gave you.',
    );
  }
  if (peers.length === 0)
    throw refused('The configuration has no [Peer] section: there is nobody to connect to.');
  return {
    privateKey: typeof key === 'string' ? decodePrivateKey(key) : checkCryptoKey(key),
    addresses: own.addresses,
    mtu: own.mtu ?? DEFAULT_MTU,
    listenPort: own.listenPort,
    peers: peers.map((peer) => peerOf(peer, isRelayed)),
  };
}

/** Wipes the keys that are still here; what was moved to a worker is no longer. */
export function wipeSecrets(config: EngineConfig): void {
  for (const secret of secretsOf(config)) if (secret.length > 0) wipe(secret);
}

/** Where the keys' bytes lie: to be moved to a worker, so that no copy stays. */
export function secretBuffersOf(config: EngineConfig): ArrayBuffer[] {
  return secretsOf(config).map(({ buffer }) => buffer as ArrayBuffer);
}

function secretsOf({ privateKey, peers }: EngineConfig): Uint8Array[] {
  const secrets = peers.flatMap(({ presharedKey }) => presharedKey ?? []);
  return privateKey instanceof Uint8Array ? [privateKey, ...secrets] : secrets;
}

function peerOf(peer: TunnelConfig['peers'][number], isRelayed: boolean): EnginePeer {
  const assumed = isRelayed && peer.endpoint ? RELAYED_KEEPALIVE_SECONDS : 0;
  return {
    publicKey: keyBytes(peer.publicKey, 'PublicKey'),
    presharedKey: peer.presharedKey === undefined ? undefined : keyBytes(peer.presharedKey, 'PresharedKey'),
    endpoint: peer.endpoint === undefined ? undefined : endpointOf(peer.endpoint),
    allowedIps: peer.allowedIPs,
    persistentKeepalive: peer.persistentKeepalive ?? assumed,
  };
}

/** `host:port` or `[v6]:port`, as the parser left it. */
function endpointOf(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) };
}

function keyBytes(base64: string, name: string): Uint8Array {
  const bytes = decodeKey(base64);
  if (!bytes) throw refused(`${name} must be 44 base64 characters (32 bytes).`);
  return bytes;
}

function refused(message: string): TunnelError {
  return new TunnelError('ERR_CONFIG', message);
}
