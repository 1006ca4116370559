// The configuration file of wg(8) with the additions of wg-quick(8): text ↔ plain data. Where the tools accept what
// nobody can mean (port 65536 is 0, `1:2` is 0.0.0.1:2), this parser says so instead.
import { ConfigError, type ConfigIssue, type ConfigSeverity } from './config-issue.ts';
import { readLines } from './config-lines.ts';
import { ConfigReader } from './config-reader.ts';

export { ConfigError, type ConfigIssue, type ConfigSeverity };

/** The [Interface] section. Absent, off and 0 are the same and leave the field out. */
export interface InterfaceConfig {
  /** Base64, clamped. */
  privateKey?: string;
  /** `address/length` with its host bits: what we are called inside. */
  addresses: string[];
  /** Addresses of DNS servers, in the order in which they are asked; the names among `DNS` are `searchDomains`. */
  dns: string[];
  /** Domains in which names are looked up that are not complete. */
  searchDomains: string[];
  /** Of inner packets, in bytes; absent: 1420. */
  mtu?: number;
  /** UDP port to hear on; 0 or absent: any. */
  listenPort?: number;
  /** Kept for the round trip; it has no effect here. */
  fwMark?: number;
  /** Kept for the round trip; there is no routing table here. */
  table?: string;
  /** Kept for the round trip; no file is ever written. */
  saveConfig?: boolean;
  /** Shell commands: kept for the round trip, never run. */
  preUp: string[];
  /** As preUp. */
  postUp: string[];
  /** As preUp. */
  preDown: string[];
  /** As preUp. */
  postDown: string[];
}

/** One [Peer] section. */
export interface PeerSection {
  /** Base64. */
  publicKey: string;
  /** Base64. */
  presharedKey?: string;
  /** `host:port` or `[v6]:port`. */
  endpoint?: string;
  /** `address/length`, host bits cleared. A prefix belongs to one peer only: the last that names it. */
  allowedIPs: string[];
  /** Seconds; 0 where the file says off, absent where it says nothing. */
  persistentKeepalive?: number;
}

/** A parsed and validated configuration: plain data that survives JSON. */
export interface TunnelConfig {
  /** Our side. */
  interface: InterfaceConfig;
  /** In the order of the file, each public key once. */
  peers: PeerSection[];
}

/** The configuration, or the first thing that is wrong with it as a ConfigError. */
export function parseConfig(text: string): TunnelConfig {
  const { config, issues } = checkConfig(text);
  if (config) return config;
  throw new ConfigError(issues.find((issue) => issue.severity === 'error')!);
}

/** What `checkConfig` finds. */
export interface CheckedConfig {
  /** Absent when any of the issues is an error. */
  config?: TunnelConfig;
  /** In the order of the file, a thousand at most. */
  issues: ConfigIssue[];
}

/** All that there is to say about a configuration. Throws nothing. */
export function checkConfig(text: string): CheckedConfig {
  const reader = new ConfigReader();
  // In UTF-16 every other character is one: what could be said line by line would help nobody.
  if (text.slice(0, 4).includes('\0')) {
    reader.issues.report('error', 1, 1, undefined, 'not plain text; expected a file in UTF-8');
    return { issues: reader.issues.inOrder() };
  }
  for (const line of readLines(text)) {
    reader.read(line);
    if (reader.issues.exhausted) break;
  }
  return reader.finish();
}

/**
 * The text of a configuration: parseConfig(formatConfig(config)) equals config. Keys in wg-quick's saving order. Throws a
 * RangeError for a value that no line can hold.
 */
export function formatConfig(config: TunnelConfig): string {
  const section = config.interface;
  const lines = ['[Interface]'];
  const write = (key: string, value: string | number | boolean | undefined) => {
    if (value === undefined || value === '') return;
    if (/[\n#]/.test(String(value))) throw new RangeError(`${key}: must be one line without "#"`);
    lines.push(`${key} = ${value}`);
  };
  write('Address', section.addresses.join(', '));
  write('DNS', [...section.dns, ...section.searchDomains].join(', '));
  write('MTU', section.mtu);
  write('Table', section.table);
  write('SaveConfig', section.saveConfig);
  for (const text of section.preUp) write('PreUp', text);
  for (const text of section.postUp) write('PostUp', text);
  for (const text of section.preDown) write('PreDown', text);
  for (const text of section.postDown) write('PostDown', text);
  write('ListenPort', section.listenPort);
  write('FwMark', section.fwMark === undefined ? undefined : `0x${section.fwMark.toString(16)}`);
  write('PrivateKey', section.privateKey);
  for (const peer of config.peers) {
    lines.push('', '[Peer]');
    write('PublicKey', peer.publicKey);
    write('PresharedKey', peer.presharedKey);
    write('AllowedIPs', peer.allowedIPs.join(', '));
    write('Endpoint', peer.endpoint);
    write('PersistentKeepalive', peer.persistentKeepalive);
  }
  return `${lines.join('\n')}\n`;
}
