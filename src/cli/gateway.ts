import { parseArgs } from 'node:util';
import { GatewayTunnel } from '../node/gateway-tunnel.ts';
import type { NodeTunnelOptions, Tunnel } from '../node/index.ts';
import { Gateway } from './gateway/gateway.ts';
import { type GatewayRule, GatewayRules, readRule } from './gateway/rules.ts';
import {
  announce,
  optionsOf,
  readConfig,
  type Say,
  sayOnStandardError,
  untilStopped,
  WAY_OUT,
  WAY_OUT_USAGE,
} from './open-tunnel.ts';

const USAGE = `Usage: tabwire gateway FILE.conf [--allow CIDR[:PORTS]]… [OPTIONS]

A WireGuard peer that leads into the network of this machine, without root and without a network interface: TCP, UDP and
ping from the tunnel go on from ordinary sockets of this program, and the answers go back. FILE.conf is of wg-quick; its
[Peer]s are who may come in, and the AllowedIPs of each are the addresses that it may come from.

  --allow CIDR[:PORTS]  lets peers go there; may be repeated. Nothing else is let through. Without PORTS: TCP, UDP and ping.
                        PORTS are 443, 8000-8999, 53/udp, 22/tcp and "ping", with commas between them:
                          --allow 192.168.1.0/24 --allow 10.0.0.5:443,ping --allow '[fd00::/8]:80' --allow 0.0.0.0/0
                        Loopback, link-local and metadata addresses (127.0.0.0/8, 169.254.0.0/16, fe80::/10 …) are let
                        through only by a rule that names the one address
  --check               says whether FILE.conf and the rules are right, and starts nothing
${WAY_OUT_USAGE}
  --help                print this

Peers reach this machine's own addresses, too, if a rule covers them. A refused connection is refused, an unreachable host is
unreachable, what is not allowed is "prohibited" (ICMP). Standard error says what happens. SIGINT and SIGTERM stop it.
`;

const OPTIONS = {
  ...WAY_OUT,
  allow: { type: 'string', multiple: true },
  check: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

/** `tabwire gateway`. Rejects with a one-line reason for arguments that are wrong. */
export async function runGateway(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const [file, ...more] = positionals;
  if (file === undefined) throw new Error('name the configuration: tabwire gateway FILE.conf');
  if (more.length > 0) throw new Error(`"${more[0]}" is one argument too many; --help says what there is`);
  const rules = (values.allow ?? []).map(readRule);
  const say = sayOnStandardError('gateway');
  const config = readConfig(file, say);
  if (values.check) {
    process.stdout.write(`${[`${file} is a configuration`, ...rules.map(sentenceOf)].join('\n')}\n`);
    if (rules.length === 0) process.stdout.write('nothing is allowed: there is no --allow\n');
    return;
  }
  if (rules.length === 0) say('nothing is allowed: there is no --allow');
  await serve(config, optionsOf(values), new GatewayRules(rules), say);
}

/** Until somebody stops it. */
async function serve(
  config: string,
  options: NodeTunnelOptions,
  rules: GatewayRules,
  say: Say,
): Promise<void> {
  const gateway = new Gateway({ rules, send: (...message) => inner.sendDatagram(...message), say });
  const inner = await GatewayTunnel.open(config, options, gateway);
  try {
    announce(inner.tunnel, say);
    const ended = Promise.race([untilStopped(inner.tunnel), untilDeaf(inner.tunnel)]);
    ended.catch(() => {});
    const { publicKey, listenPort } = await inner.tunnel.status();
    say(`${publicKey} is ready${listenPort === undefined ? '' : `, on UDP port ${listenPort}`}`);
    await ended;
  } finally {
    gateway.close();
    await inner.close();
  }
}

/** Rejects when nobody can be heard and that will not change: its port is another program's, or the relay refuses it. */
function untilDeaf(tunnel: Tunnel): Promise<never> {
  return new Promise((_, reject) => {
    tunnel.addEventListener('transport', ({ detail: { state, error } }) => {
      if (state === 'failed') reject(new Error(error?.message ?? 'nobody can be heard'));
    });
  });
}

function sentenceOf({ text, ranges }: GatewayRule): string {
  const words = ranges.map(({ protocol, first, last }) => {
    if (protocol === 'ping') return 'ping';
    if (first === 1 && last === 65_535) return `${protocol} to every port`;
    return `${protocol} to ${first === last ? `port ${first}` : `ports ${first} to ${last}`}`;
  });
  return `--allow ${text}: ${words.join(', ')}`;
}
