import { parseArgs } from 'node:util';
import type { Tunnel } from '../node/index.ts';
import { openDoors } from './connect/doors.ts';
import { type ConnectPlan, planOf } from './connect/plan.ts';
import { record } from './connect/record.ts';
import { joinStandardStreams } from './connect/stdio.ts';
import {
  firstHandshake,
  openTunnel,
  readConfig,
  type Say,
  sayOnStandardError,
  untilStopped,
  WAY_OUT,
  WAY_OUT_USAGE,
} from './open-tunnel.ts';

const USAGE = `Usage: tabwire connect FILE.conf [OPTIONS]

A WireGuard client for programs that know nothing of it: no root, no network interface. FILE.conf is of wg-quick.

${WAY_OUT_USAGE}
  -L [HOST:]PORT:HOST:PORT    PORT of this machine (of 127.0.0.1, unless a HOST is given) leads to HOST:PORT inside
  -R [HOST:]PORT:HOST:PORT    PORT inside (of all our addresses there) leads to HOST:PORT, as this machine sees it
  --socks5 HOST:PORT    a SOCKS5 proxy into the tunnel: TCP, UDP, names looked up inside (curl --socks5-hostname)
  --http-proxy HOST:PORT      an HTTP proxy into the tunnel (curl --proxy)
  --login FILE          holds USER:PASSWORD, which both proxies want then; without it they listen on loopback only
  --capture FILE        records what passes inside, as pcapng, for Wireshark (not in the log: whoever has FILE reads it all)
  --capture-filter WORDS      which of it: tcp, udp or icmp, host ADDRESS, port NUMBER; all that are given must hold
  -W HOST:PORT          joins standard input and output with HOST:PORT inside, and ends with that connection:
                          ssh -o 'ProxyCommand=tabwire connect FILE.conf -W %h:%p' USER@HOST
  --help                print this

-L, -R, --socks5 and --http-proxy may be repeated. Standard error says what happens. SIGINT and SIGTERM stop it.
`;

const OPTIONS = {
  ...WAY_OUT,
  local: { type: 'string', short: 'L', multiple: true },
  remote: { type: 'string', short: 'R', multiple: true },
  socks5: { type: 'string', multiple: true },
  'http-proxy': { type: 'string', multiple: true },
  login: { type: 'string' },
  capture: { type: 'string' },
  'capture-filter': { type: 'string' },
  stdio: { type: 'string', short: 'W' },
  help: { type: 'boolean' },
} as const;

/** `tabwire connect`. Rejects with a one-line reason for arguments that are wrong. */
export async function runConnect(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const plan = planOf(positionals, values);
  const say = sayOnStandardError('connect');
  const tunnel = await openTunnel(readConfig(plan.file, say), values, plan.stdio ? quiet(say) : say);
  const written = plan.capture && record(tunnel, plan.capture);
  try {
    written?.catch((error: Error) => say(`--capture: ${error.message}`));
    if (plan.stdio) await Promise.race([joinStandardStreams(tunnel, plan.stdio), untilStopped(tunnel)]);
    else await serve(tunnel, plan, say);
  } finally {
    await tunnel.close();
    await written?.catch(() => {});
  }
}

/** Until somebody stops it. */
async function serve(tunnel: Tunnel, plan: ConnectPlan, say: Say): Promise<void> {
  const stopped = untilStopped(tunnel);
  stopped.catch(() => {});
  const doors = await openDoors(tunnel, plan, say);
  // What it rejects with has been said; what can be tried again is.
  firstHandshake(tunnel).catch(() => {});
  try {
    await stopped;
  } finally {
    for (const door of doors) door.close();
  }
}

/** Of a program that stands in for a connection, only what goes wrong is worth a line. */
function quiet(say: Say): Say {
  return (sentence) => sentence.startsWith('handshake with ') || say(sentence);
}
