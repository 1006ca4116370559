// From a configuration as the user has it to what the engine is given.
import type { EngineChange, EngineConfig, EngineNames, EnginePeer } from '../bridge/api.ts';
import { wipe } from '../core/bytes.ts';
import { TunnelError } from '../core/errors.ts';
import {
  ConfigError,
  type ConfigIssue,
  checkConfig,
  formatConfig,
  type TunnelConfig,
} from '../core/wireguard/config.ts';
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
  names?: EngineNames | undefined;
  /** Hears what a file says that is legal but perhaps not meant, or has no effect here. */
  remark?: ((issue: ConfigIssue) => void) | undefined;
}

/** Throws ERR_CONFIG with one sentence that names what is missing or wrong; for a line of the file, a ConfigError. */
export function engineConfigOf(
  config: string | TunnelConfig,
  { privateKey, isRelayed, names, remark }: ConfigSources,
): EngineConfig {
  const parsed = validated(config, remark);
  const key = privateKey ?? parsed.interface.privateKey;
  if (!key) throw refused('The configuration has no PrivateKey, and none was given beside it.');
  const settings = settingsOf(parsed, isRelayed);
  if (settings.peers.length === 0)
    throw refused('The configuration has no [Peer] section: there is nobody to connect to.');
  return { ...settings, names, privateKey: privateKeyOf(key) };
}

/** The same for a tunnel that runs. It may be left without peers, and without a private key it keeps the one it has. */
export function engineChangeOf(
  config: string | TunnelConfig,
  { privateKey, isRelayed, names, remark }: ConfigSources,
): EngineChange {
  const parsed = validated(config, remark);
  const key = privateKey ?? parsed.interface.privateKey;
  return {
    ...settingsOf(parsed, isRelayed),
    names,
    privateKey: key === undefined ? undefined : privateKeyOf(key),
  };
}

/** Text, or what a program made of it: plain data that was changed is held to the rules of the file. */
function validated(config: string | TunnelConfig, remark: ConfigSources['remark']): TunnelConfig {
  const isText = typeof config === 'string';
  const { config: parsed, issues } = checkConfig(isText ? config : textOf(config));
  if (!parsed) {
    const error = issues.find(({ severity }) => severity === 'error')!;
    // Lines of a text that nobody has seen would say nothing.
    throw isText ? new ConfigError(error) : refused(error.message.replace(/^line \d+: /, ''));
  }
  if (isText && remark) for (const issue of issues) remark(issue);
  return parsed;
}

function textOf(config: TunnelConfig): string {
  try {
    return formatConfig(config);
  } catch (error) {
    // A value that no line can hold; or no configuration at all.
    if (error instanceof RangeError) throw refused(error.message);
    throw refused('The configuration must be the text of a wg-quick file, or what parseConfig makes of one.');
  }
}

function settingsOf(
  { interface: own, peers }: TunnelConfig,
  isRelayed: boolean,
): Omit<EngineConfig, 'privateKey'> {
  if (own.addresses.length === 0) {
    throw refused(
      'The configuration has no Address: without one there is nothing to send from. Add the line "Address = …" that your administrator gave you.',
    );
  }
  return {
    addresses: own.addresses,
    mtu: own.mtu ?? DEFAULT_MTU,
    dns: own.dns,
    searchDomains: own.searchDomains,
    listenPort: own.listenPort,
    fwMark: own.fwMark,
    peers: peers.map((peer) => peerOf(peer, isRelayed)),
  };
}

function privateKeyOf(key: string | CryptoKey): Uint8Array | CryptoKey {
  return typeof key === 'string' ? decodePrivateKey(key) : checkCryptoKey(key);
}

/** Wipes the keys that are still here; what was moved to a worker is no longer. */
export function wipeSecrets(config: EngineChange): void {
  for (const secret of secretsOf(config)) if (secret.length > 0) wipe(secret);
}

/** Where the keys' bytes lie: to be moved to a worker, so that no copy stays. */
export function secretBuffersOf(config: EngineChange): ArrayBuffer[] {
  return secretsOf(config).map(({ buffer }) => buffer as ArrayBuffer);
}

function secretsOf({ privateKey, peers }: EngineChange): Uint8Array[] {
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
