import { parseArgs } from 'node:util';

import type { PingOptions } from '../client/ping.ts';
import type { PingReply, Tunnel } from '../node/index.ts';
import {
  firstHandshake,
  openTunnel,
  readConfig,
  sayOnStandardError,
  stopSignal,
  WAY_OUT,
  WAY_OUT_USAGE,
} from './open-tunnel.ts';

const USAGE = `Usage: tabwire ping FILE.conf HOST [OPTIONS]

Pings a host inside the tunnel that FILE.conf describes, by address or by a name that is looked up there.

${WAY_OUT_USAGE}
  -c COUNT              how many (default 4)
  -i SECONDS            between two of them (default 1)
  -s BYTES              of payload (default 56)
  -W SECONDS            to wait for each answer, and for the handshake (default 5)
  --help                print this

Exit code 1 means that nothing was answered.
`;

const OPTIONS = {
  ...WAY_OUT,
  count: { type: 'string', short: 'c' },
  interval: { type: 'string', short: 'i' },
  size: { type: 'string', short: 's' },
  timeout: { type: 'string', short: 'W' },
  help: { type: 'boolean' },
} as const;

/** `tabwire ping`. Rejects with a one-line reason for arguments that are wrong. */
export async function runPing(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const [file, host, ...more] = positionals;
  if (file === undefined || host === undefined || more.length > 0)
    throw new Error('say whom: tabwire ping FILE.conf HOST');
  const timeout = numberOf('-W', values.timeout ?? '5', 3600) * 1000;
  const options = {
    count: Math.ceil(numberOf('-c', values.count ?? '4', 1e6)),
    interval: Math.max(10, numberOf('-i', values.interval ?? '1', 3600) * 1000),
    size: Math.floor(numberOf('-s', values.size ?? '56', 65_000)),
    timeout,
  };
  const say = sayOnStandardError('ping');
  const signal = stopSignal();
  const tunnel = await openTunnel(readConfig(file, say), values, say);
  try {
    await firstHandshake(tunnel, timeout, signal);
    if ((await ping(tunnel, host, { ...options, signal })) === 0) process.exitCode = 1;
  } finally {
    await tunnel.close();
  }
}

/** Prints a line for each, and the sum of them; returns how many were answered. */
async function ping(tunnel: Tunnel, host: string, options: PingOptions): Promise<number> {
  const rtts: number[] = [];
  let sent = 0;
  try {
    for await (const reply of tunnel.ping(host, options)) {
      if (reply.ok && reply.duplicate) continue;
      sent++;
      if (reply.ok) rtts.push(reply.rtt);
      process.stdout.write(`${lineOf(reply)}\n`);
    }
  } catch (error) {
    if (!options.signal?.aborted) throw error;
  }
  const round = (value: number) => value.toFixed(2);
  const mean = rtts.reduce((sum, rtt) => sum + rtt, 0) / rtts.length;
  const times = `min ${round(Math.min(...rtts))}, mean ${round(mean)}, max ${round(Math.max(...rtts))} ms`;
  process.stdout.write(`${sent} sent, ${rtts.length} answered${rtts.length > 0 ? `; ${times}` : ''}\n`);
  return rtts.length;
}

function lineOf(reply: PingReply): string {
  const { sequence } = reply;
  if (reply.ok)
    return `${reply.bytes} bytes from ${reply.from}: sequence ${sequence}, ttl ${reply.ttl}, ${reply.rtt.toFixed(2)} ms`;
  if (reply.reason === 'timeout') return `sequence ${sequence}: no answer`;
  return `sequence ${sequence}: ${reply.reason}, says ${reply.from}`;
}

function numberOf(flag: string, text: string, most: number): number {
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || value > most)
    throw new Error(`${flag} "${text}": expected a number up to ${most}`);
  return value;
}
