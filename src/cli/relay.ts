import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import {
  type AllowRule,
  createRelay,
  DEFAULT_LIMITS,
  jsonLines,
  RelayConfigError,
  type RelayOptions,
  readDestination,
  type TokenKey,
} from '../../relay/index.ts';

const USAGE = `Usage: tabwire relay (--allow | --allow-listen) HOST[:PORT] [OPTIONS]
       tabwire relay token …

Carries WireGuard datagrams between web pages (WebSocket) and WireGuard endpoints (UDP). It holds no keys and sees
no plaintext. Nothing is allowed that is not named here.

  --listen HOST:PORT    where to listen (default 127.0.0.1:8080); put TLS in front for other machines
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
It logs JSON lines to standard output and stops on SIGINT and SIGTERM.
`;

/** `tabwire relay`. Rejects with a one-line reason for arguments that are wrong. */
export async function runRelay(args: string[]): Promise<void> {
  if (args[0] === 'token') return (await import('./relay-token.ts')).runRelayToken(args.slice(1));
  const { values } = parseArgs({
    args,
    options: {
      listen: { type: 'string' },
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
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const unusualPorts = values['unusual-ports'] ?? false;
  const listenRule = (text: string): AllowRule => ({
    ...readDestination(text),
    listen: true,
    unusualPort: unusualPorts,
  });
  const options: RelayOptions = {
    listen: values.listen ?? '127.0.0.1:8080',
    allow: [...(values.allow ?? []), ...(values['allow-listen'] ?? []).map(listenRule)],
    unusualPorts,
    ...(values.origin && { origins: values.origin }),
    allowNoOrigin: values['allow-no-origin'] ?? false,
    ...(values['token-key'] && { auth: { keys: values['token-key'].map(readTokenKey) } }),
    ...(values['trust-proxy'] && { trustedProxies: values['trust-proxy'] }),
    ...(values.channels !== undefined && { limits: { channels: Number(values.channels) } }),
    log: jsonLines((line) => process.stdout.write(line)),
  };
  const relay = createRelay(options);
  relay.assertSafe();
  if (values.check) {
    const { log: _, ...shown } = options;
    process.stdout.write(`${JSON.stringify(shown, null, 2)}\n`);
    return;
  }
  const stopped = new Promise<void>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
  const { url } = await relay.listen().catch((error: NodeJS.ErrnoException) => {
    if (error instanceof RelayConfigError || error.code === undefined) throw error;
    throw new Error(`cannot listen on ${options.listen} (${error.code})`);
  });
  process.stderr.write(`relay: ${url}\n`);
  await stopped;
  await relay.close();
}

function readTokenKey(file: string): TokenKey {
  try {
    return { alg: 'EdDSA', key: readFileSync(file, 'utf8') };
  } catch (error) {
    throw new RelayConfigError(`--token-key: cannot read ${file} (${(error as NodeJS.ErrnoException).code})`);
  }
}
