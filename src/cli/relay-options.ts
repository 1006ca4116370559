// What flags, environment and file say together of a relay.
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import {
  type AllowRule,
  RelayConfigError,
  type RelayOptions,
  readDestination,
  type TokenKey,
} from '../relay-host/index.ts';
import { readOptions } from '../relay-host/options.ts';
import { type ConsoleSettings, readConsoleSettings } from './console-settings.ts';
import { readConfigFile } from './relay-file.ts';
import { reasonOf } from './system-error.ts';

const OPTIONS = {
  config: { type: 'string' },
  listen: { type: 'string' },
  admin: { type: 'string' },
  allow: { type: 'string', multiple: true },
  'allow-listen': { type: 'string', multiple: true },
  origin: { type: 'string', multiple: true },
  'unusual-ports': { type: 'boolean' },
  'allow-no-origin': { type: 'boolean' },
  'token-key': { type: 'string', multiple: true },
  'trust-proxy': { type: 'string', multiple: true },
  channels: { type: 'string' },
  console: { type: 'boolean' },
  workers: { type: 'string' },
  check: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

export type Flags = ReturnType<typeof parseFlags>;

export const parseFlags = (args: string[]) => parseArgs({ args, options: OPTIONS }).values;

export interface Settings {
  readonly relay: RelayOptions;
  /** undefined: there is no console to serve. */
  readonly console: ConsoleSettings | undefined;
}

/** How many processes. Throws RelayConfigError. */
export function readWorkers({ workers = '1' }: Flags): number {
  if (/^\d{1,3}$/.test(workers) && Number(workers) > 0) return Number(workers);
  throw new RelayConfigError('--workers: expected 1 to 999');
}

/** Throws RelayConfigError. */
export function readSettings(flags: Flags): Settings {
  const { console: section, ...file } = flags.config === undefined ? {} : readConfigFile(flags.config);
  const relay = optionsOf(flags, file);
  if (!flags.console && section === undefined) return { relay, console: undefined };
  const { origins = [], auth } = relay;
  const folder = dirname(flags.config ?? '.');
  const around = { folder, origins, audience: auth?.audience, issuer: auth?.issuer };
  return { relay, console: readConsoleSettings(section ?? {}, around) };
}

/** Flags over the environment (where to listen, nothing else) over the file. */
function optionsOf(flags: Flags, file: Partial<RelayOptions>): RelayOptions {
  const unusualPorts = flags['unusual-ports'] ?? file.unusualPorts ?? false;
  const listenRule = (text: string): AllowRule => ({
    ...readDestination(text),
    listen: true,
    unusualPort: unusualPorts,
  });
  const allow = [...(flags.allow ?? []), ...(flags['allow-listen'] ?? []).map(listenRule)];
  return {
    ...file,
    listen: flags.listen ?? process.env.WGRELAY_LISTEN ?? file.listen ?? '127.0.0.1:8080',
    allow: allow.length > 0 ? allow : (file.allow ?? []),
    unusualPorts,
    ...(flags.admin !== undefined && { admin: flags.admin }),
    ...(flags.origin && { origins: flags.origin }),
    ...(flags['allow-no-origin'] !== undefined && { allowNoOrigin: flags['allow-no-origin'] }),
    ...(flags['token-key'] && { auth: { ...file.auth, keys: flags['token-key'].map(readTokenKey) } }),
    ...(flags['trust-proxy'] && { trustedProxies: flags['trust-proxy'] }),
    ...(flags.channels !== undefined && { limits: { ...file.limits, channels: Number(flags.channels) } }),
  };
}

/** What holds: also where nothing was said, and of keys only their algorithm and name. */
export function effective({ relay, console }: Settings): object {
  const { auth, tickets: given, unusualPorts = false } = relay;
  const { rules, path, tickets, parkTime, drain, limits } = readOptions(relay);
  const allow = relay.allow.map((rule, i) => {
    const { ports, shape, allowsListen: listen } = rules[i]!;
    const said = typeof rule === 'string' ? { ...readDestination(rule), unusualPort: unusualPorts } : rule;
    return { ...said, ports, shape, listen };
  });
  return {
    admin: 'none',
    origins: 'pages from the address of the relay itself',
    allowNoOrigin: false,
    trustedProxies: [],
    udpAddresses: 'as the system chooses',
    logNetworks: false,
    ...relay,
    path,
    allow,
    tickets: {
      keys: given?.keys?.map(() => '…') ?? 'one that dies with the process',
      ttl: tickets.ttl,
      park: parkTime / 1000,
    },
    auth: auth ? { ...auth, keys: auth.keys.map((key) => ({ ...key, key: '…' })) } : 'nobody needs a token',
    drain,
    limits,
    console: console
      ? { ...console, token: console.token && { ...console.token, key: '…' } }
      : 'is not served',
  };
}

function readTokenKey(file: string): TokenKey {
  try {
    return { alg: 'EdDSA', key: readFileSync(file, 'utf8') };
  } catch (error) {
    throw new RelayConfigError(`--token-key: cannot read ${file}: ${reasonOf(error)}`);
  }
}
