import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import {
  type AllowRule,
  createRelay,
  DEFAULT_LIMITS,
  jsonLines,
  RelayConfigError,
  type RelayOptions,
  readConfigFile,
  readDestination,
  type TokenKey,
} from '../../relay/index.ts';

const USAGE = `Usage: tabwire relay [--config FILE] (--allow | --allow-listen) HOST[:PORT] [OPTIONS]
       tabwire relay token …

Carries WireGuard datagrams between web pages (WebSocket) and WireGuard endpoints (UDP). It holds no keys and sees
no plaintext. Nothing is allowed that is not named here.

  --config FILE         settings from a JSON file, which flags override; read again on SIGHUP (relay/README.md)
  --listen HOST:PORT    where to listen (default 127.0.0.1:8080); put TLS in front for other machines
  --admin HOST:PORT     where to serve /healthz, /readyz and /metrics (Prometheus); not for the public
  --allow DESTINATION   an endpoint that clients may reach: HOST, HOST:PORT, [IPV6]:PORT or a CIDR; may be repeated.
                        The port is 51820 when none is given. A private or loopback address must be written out
                        with nothing left open, such as 192.168.1.2:51820
  --allow-listen DESTINATION
                        like --allow, and that endpoint may also call first: a client whose configuration has a
                        ListenPort gets a UDP port at once, and handshakes that the endpoint sends there reach it
  --unusual-ports       let --allow name ports below 1024 and those of services that answer strangers, such as 53 or 443
  --origin ORIGIN       a page that may connect, such as https://console.example.com; may be repeated
                        (default: pages from the relay's own address)
  --allow-no-origin     serve programs other than browsers, too
  --token-key FILE      clients need a token signed with the other half of this key (tabwire relay token --help);
                        may be repeated
  --trust-proxy NETWORK an address or network whose X-Forwarded-For says who the client is; may be repeated
  --channels N          endpoints that one client may use at once (default ${DEFAULT_LIMITS.channels}, at most 63)
  --check               check these options, print what they mean and exit
  --help                print this

Without tokens the relay listens on loopback only, or allows exactly one ADDRESS:PORT.
It logs JSON lines to standard output, and stops on SIGINT and SIGTERM.
`;

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
  check: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

type Flags = ReturnType<typeof parseFlags>;

const parseFlags = (args: string[]) => parseArgs({ args, options: OPTIONS }).values;

/** `tabwire relay`. Rejects with a one-line reason for arguments that are wrong. */
export async function runRelay(args: string[]): Promise<void> {
  if (args[0] === 'token') return (await import('./relay-token.ts')).runRelayToken(args.slice(1));
  const flags = parseFlags(args);
  if (flags.help) {
    process.stdout.write(USAGE);
    return;
  }
  const log = jsonLines();
  const options = optionsOf(flags);
  const relay = createRelay({ ...options, log });
  relay.assertSafe();
  if (flags.check) {
    process.stdout.write(`${JSON.stringify(masked(options), null, 2)}\n`);
    return;
  }
  const stopped = new Promise<void>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
  const { url } = await relay.listen();
  const reload = (): void => {
    try {
      relay.reload(optionsOf(flags));
    } catch (error) {
      relay.reloadFailed(error as Error);
    }
  };
  process.on('SIGHUP', reload);
  process.stderr.write(`relay: ${url}\n`);
  await stopped;
  process.off('SIGHUP', reload);
  await relay.close();
}

/** Flags over the environment (where to listen, nothing else) over the file. */
function optionsOf(flags: Flags): RelayOptions {
  const file = flags.config === undefined ? {} : readConfigFile(flags.config);
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

/** What may be shown of the options: keys by their algorithm and name. */
function masked({ auth, tickets, ...rest }: RelayOptions): object {
  const options = {
    ...rest,
    ...(tickets && { tickets: { ...tickets, keys: tickets.keys?.map(() => '…') } }),
  };
  if (auth === undefined) return options;
  return { ...options, auth: { ...auth, keys: auth.keys.map((key) => ({ ...key, key: '…' })) } };
}

function readTokenKey(file: string): TokenKey {
  try {
    return { alg: 'EdDSA', key: readFileSync(file, 'utf8') };
  } catch (error) {
    throw new RelayConfigError(`--token-key: cannot read ${file} (${(error as NodeJS.ErrnoException).code})`);
  }
}
