// What each key of a configuration file does: the table at the end, and the few shapes of its rows.
import { isAllZero, toBase64, wipe } from '../bytes.ts';
import { clamp } from '../crypto/identity.ts';
import type { InterfaceConfig } from './config.ts';
import { quote } from './config-issue.ts';
import { type ConfigItem, type ConfigLine, commaSeparated, wholeValue, words } from './config-lines.ts';
import type { ConfigReader, Section } from './config-reader.ts';
import {
  Problem,
  parseAllowedIp,
  parseDns,
  parseEndpoint,
  parseFwMark,
  parseInteger,
  parseKeepalive,
  parseKey,
  parsePrefix,
} from './config-values.ts';

export interface KeyRule {
  readonly name: string;
  readonly section: Section;
  readonly read: (reader: ConfigReader, line: ConfigLine) => void;
}

/** Reads a single value, reports what is wrong with it or hands it on. */
function scalar<T>(
  name: string,
  parse: (text: string) => T | Problem,
  take: (reader: ConfigReader, value: T, line: ConfigLine) => void,
): KeyRule['read'] {
  return (reader, line) => {
    const { text, column } = wholeValue(line);
    if (text === '') return reader.refuse(line, name, '', new Problem('value missing'), column);
    const value = parse(text);
    if (value instanceof Problem) return reader.refuse(line, name, ` ${quote(text)}`, value, column);
    reader.given(line, name);
    take(reader, value, line);
  };
}

/** The same for keys, which no message shows. `zero` says what an all-zero key means; undefined: nothing is set. */
function secret(
  name: string,
  zero: Problem | undefined,
  take: (reader: ConfigReader, key: Uint8Array | undefined) => void,
): KeyRule['read'] {
  return (reader, line) => {
    const { text, column } = wholeValue(line);
    const parsed = parseKey(text);
    const key = !(parsed instanceof Problem) && isAllZero(parsed) ? zero : parsed;
    if (key instanceof Problem) return reader.refuse(line, name, '', key, column);
    reader.given(line, name);
    take(reader, key);
    if (key) wipe(key);
  };
}

function list(
  name: string,
  split: (line: ConfigLine) => Iterable<ConfigItem>,
  take: (reader: ConfigReader, text: string, line: ConfigLine, column: number) => Problem | undefined,
): KeyRule['read'] {
  return (reader, line) => {
    let any = false;
    for (const { text, column } of split(line)) {
      any = true;
      if (reader.issues.exhausted) return;
      const problem = take(reader, text, line, column);
      if (problem) reader.refuse(line, name, `: ${quote(text)}`, problem, column);
    }
    if (!any) reader.report('warning', line, name, `${name}: empty; ignored`);
  };
}

function command(name: string, pick: (config: InterfaceConfig) => string[]): KeyRule['read'] {
  return (reader, line) => {
    const text = line.value!.trim();
    if (text !== '') pick(reader.interface).push(text);
    reader.remark(line, name, 'a command, never run here; kept for export');
  };
}

/** Sets an optional field, or removes it again when a later line says "none". */
function assign<Target, Key extends keyof Target>(
  target: Target,
  field: Key,
  value: Target[Key] | undefined,
): void {
  if (value === undefined) delete target[field];
  else target[field] = value;
}

function readAllowedIp(
  reader: ConfigReader,
  text: string,
  line: ConfigLine,
  column: number,
): Problem | undefined {
  const prefix = parseAllowedIp(text);
  if (prefix instanceof Problem) return prefix;
  const masked = prefix.masked();
  if (!reader.issues.isFull && !masked.address.equals(prefix.address)) {
    const said = `AllowedIPs: ${quote(text)}: host bits cleared: ${masked}`;
    reader.report('warning', line, 'AllowedIPs', said, column);
  }
  const { peer } = reader;
  peer.allowedIPs.push({ prefix: masked.toString(), line: line.number, peer });
  return undefined;
}

function readAllowedIps(reader: ConfigReader, line: ConfigLine): void {
  const { text, column } = wholeValue(line);
  if (text === '') reader.refuse(line, 'AllowedIPs', '', new Problem('value missing'), column);
  else readAllowedIpList(reader, line);
}

const readAllowedIpList = list('AllowedIPs', commaSeparated, readAllowedIp);

function parseTable(text: string): string | Problem {
  return /^[A-Za-z0-9_.-]{1,64}$/.test(text) ? text : new Problem('expected off, auto, a number or a name');
}

function parseSaveConfig(text: string): boolean | Problem {
  const lower = text.toLowerCase();
  return lower === 'true' || lower === 'false' ? lower === 'true' : new Problem('must be true or false');
}

const RULES: KeyRule[] = [
  {
    name: 'PrivateKey',
    section: 'Interface',
    read: secret(
      'PrivateKey',
      new Problem('all zero, which means none; expected a key made by wg genkey'),
      (reader, key) => assign(reader.interface, 'privateKey', key && toBase64(clamp(key))),
    ),
  },
  {
    name: 'ListenPort',
    section: 'Interface',
    read: scalar(
      'ListenPort',
      (text) => parseInteger(text, 0, 65535, 'port'),
      (reader, port, line) => {
        assign(reader.interface, 'listenPort', port === 0 ? undefined : port);
        reader.remark(line, 'ListenPort', 'not used through a relay, which chooses the port');
      },
    ),
  },
  {
    name: 'FwMark',
    section: 'Interface',
    read: scalar('FwMark', parseFwMark, (reader, mark, line) => {
      assign(reader.interface, 'fwMark', mark === 0 ? undefined : mark);
      reader.remark(line, 'FwMark', 'no effect here; kept for export');
    }),
  },
  {
    name: 'Address',
    section: 'Interface',
    read: list('Address', words, (reader, text) => {
      const prefix = parsePrefix(text);
      if (prefix instanceof Problem) return prefix;
      reader.addresses.add(prefix.toString());
      return undefined;
    }),
  },
  {
    name: 'DNS',
    section: 'Interface',
    read: list('DNS', words, (reader, text) => {
      const dns = parseDns(text);
      if (dns instanceof Problem) return dns;
      if ('server' in dns) reader.interface.dns.push(dns.server.toString());
      else reader.interface.searchDomains.push(dns.domain);
      return undefined;
    }),
  },
  {
    name: 'MTU',
    section: 'Interface',
    read: scalar(
      'MTU',
      (text) => parseInteger(text, 576, 65535, 'size'),
      (reader, mtu) => assign(reader.interface, 'mtu', mtu),
    ),
  },
  {
    name: 'Table',
    section: 'Interface',
    read: scalar('Table', parseTable, (reader, table, line) => {
      assign(reader.interface, 'table', table);
      reader.remark(line, 'Table', 'no effect here: only this page uses the tunnel; kept for export');
    }),
  },
  {
    name: 'SaveConfig',
    section: 'Interface',
    read: scalar('SaveConfig', parseSaveConfig, (reader, save, line) => {
      assign(reader.interface, 'saveConfig', save);
      reader.remark(line, 'SaveConfig', 'no effect here; kept for export');
    }),
  },
  { name: 'PreUp', section: 'Interface', read: command('PreUp', ({ preUp }) => preUp) },
  { name: 'PostUp', section: 'Interface', read: command('PostUp', ({ postUp }) => postUp) },
  { name: 'PreDown', section: 'Interface', read: command('PreDown', ({ preDown }) => preDown) },
  { name: 'PostDown', section: 'Interface', read: command('PostDown', ({ postDown }) => postDown) },
  {
    name: 'PublicKey',
    section: 'Peer',
    read: (reader, line) => {
      reader.peer.named = true;
      readPublicKey(reader, line);
    },
  },
  {
    name: 'PresharedKey',
    section: 'Peer',
    read: secret('PresharedKey', undefined, (reader, key) =>
      assign(reader.peer.values, 'presharedKey', key && toBase64(key)),
    ),
  },
  { name: 'AllowedIPs', section: 'Peer', read: readAllowedIps },
  {
    name: 'Endpoint',
    section: 'Peer',
    read: scalar('Endpoint', parseEndpoint, (reader, endpoint, line) => {
      assign(reader.peer.values, 'endpoint', endpoint.text);
      if (endpoint.lacksBrackets)
        reader.report(
          'warning',
          line,
          'Endpoint',
          `Endpoint: IPv6 needs brackets; read as ${quote(endpoint.text)}`,
        );
    }),
  },
  {
    name: 'PersistentKeepalive',
    section: 'Peer',
    read: scalar('PersistentKeepalive', parseKeepalive, (reader, seconds) =>
      assign(reader.peer.values, 'persistentKeepalive', seconds),
    ),
  },
];

const readPublicKey = secret(
  'PublicKey',
  new Problem('all zero; such a peer can never answer'),
  (reader, key) => assign(reader.peer.values, 'publicKey', key && toBase64(key)),
);

// A Map, because `constructor` and `__proto__` are keys somebody may write.
export const KEYS: ReadonlyMap<string, KeyRule> = new Map(
  RULES.map((rule) => [rule.name.toLowerCase(), rule]),
);
