import cluster from 'node:cluster';
import { createRelay, DEFAULT_LIMITS, jsonLines, type LogSink, type Relay } from '../relay-host/index.ts';
import { ConsoleFiles } from './console-files.ts';
import { ConsoleSite } from './console-site.ts';
import {
  effective,
  type Flags,
  parseFlags,
  readSettings,
  readWorkers,
  type Settings,
} from './relay-options.ts';
import { keepWorkers, optionsOfWorker, reportToPool } from './workers.ts';

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
  --allow-no-origin     serve programs other than browsers, too; needs --token-key, unless the relay listens on loopback
  --token-key FILE      clients need a token signed with the other half of this key (tabwire relay token --help);
                        may be repeated
  --trust-proxy NETWORK an address or network whose X-Forwarded-For says who the client is; may be repeated
  --console             serve the console, too (npm run build makes it), which then needs no other place to come from; its
                        settings are the file's part "console" (relay/README.md)
  --workers N           so many processes, which share the port and nothing else (default 1); limits hold for each
  --channels N          endpoints that one client may use at once (default ${DEFAULT_LIMITS.channels}, at most 63)
  --check               check these options, print what they mean and exit
  --help                print this

Without tokens the relay listens on loopback only, or allows exactly one ADDRESS:PORT.
It logs JSON lines to standard output. SIGTERM sends all clients elsewhere before it stops (relay/README.md); SIGINT, or a
second signal, stops it at once.
`;

/** `tabwire relay`. Rejects with a one-line reason for arguments that are wrong. */
export async function runRelay(args: string[]): Promise<void> {
  if (args[0] === 'token') return (await import('./relay-token.ts')).runRelayToken(args.slice(1));
  const flags = parseFlags(args);
  if (flags.help) {
    process.stdout.write(USAGE);
    return;
  }
  const settings = readSettings(flags);
  const workers = readWorkers(flags);
  const log = logOf();
  const relay = createRelay({
    ...(cluster.isWorker ? optionsOfWorker(settings.relay) : settings.relay),
    log,
  });
  relay.assertSafe();
  if (flags.check) {
    process.stdout.write(`${JSON.stringify(effective(settings), null, 2)}\n`);
    return;
  }
  // Nobody knows what state it is in then; whatever supervises it starts another.
  process.on('uncaughtException', (thrown: unknown) => {
    // Anything can be thrown.
    const { message, stack } = thrown instanceof Error ? thrown : new Error(String(thrown));
    const at = /^ +at (.*)$/m.exec(stack ?? '')?.[1];
    log({ event: 'crash', level: 'warn', error: message.slice(0, 200), at });
    process.exit(1);
  });
  if (workers > 1 && cluster.isPrimary) await keepWorkers(workers, settings.relay);
  else await serve(relay, settings, flags).finally(() => cluster.worker?.disconnect());
}

/** Until it is told to stop. */
async function serve(relay: Relay, settings: Settings, flags: Flags): Promise<void> {
  const site = settings.console && new ConsoleSite(ConsoleFiles.load(), relay, settings.console);
  const stopped = new Promise<NodeJS.Signals>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve(signal));
  });
  const { url } = await relay.listen(site?.answer);
  const reload = (): void => {
    try {
      const { relay: options, console } = readSettings(flags);
      relay.reload(cluster.isWorker ? optionsOfWorker(options) : options);
      if (site && console) site.settings = console;
    } catch (error) {
      relay.reloadFailed(error as Error);
    }
  };
  process.on('SIGHUP', reload);
  const leave = cluster.isWorker ? reportToPool(relay, url) : undefined;
  if (cluster.isPrimary) process.stderr.write(`relay: ${url}\n`);
  const signal = await stopped;
  leave?.();
  process.off('SIGHUP', reload);
  // Who asks twice has no time.
  for (const again of ['SIGINT', 'SIGTERM'] as const) process.on(again, () => process.exit(1));
  await (signal === 'SIGTERM' ? relay.drain() : relay.close());
}

/** The lines of several workers come out at one place. */
function logOf(): LogSink {
  const log = jsonLines();
  const worker = cluster.worker?.id;
  return worker === undefined ? log : (entry) => log({ ...entry, worker });
}
