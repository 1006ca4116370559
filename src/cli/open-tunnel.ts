// What every command does that opens a tunnel: the file, the way out, and lines on standard error that say what happens.
import { readFileSync } from 'node:fs';
import type { ConfigIssue } from '../core/wireguard/config.ts';
import { checkConfig, type NodeTunnelOptions, Tunnel, type TunnelError } from '../node/index.ts';
import { reasonOf } from './system-error.ts';

export interface WayOut {
  /** URLs of relays; none: UDP directly. */
  relay?: string[] | undefined;
  /** A file with the relay's token, read again whenever one is needed. */
  'token-file'?: string | undefined;
  /** Where the outer datagrams go, and the keys to them. */
  'outer-capture'?: string | undefined;
  'key-log'?: string | undefined;
}

/** The flags of `WayOut`, for parseArgs and for `--help`. */
export const WAY_OUT = {
  relay: { type: 'string', multiple: true },
  'token-file': { type: 'string' },
  'outer-capture': { type: 'string' },
  'key-log': { type: 'string' },
} as const;
export const WAY_OUT_USAGE = `  --relay URL           send through this relay, such as wss://relay.example/v1, in place of UDP; may be repeated
  --token-file FILE     holds the token that the relay wants; read again for every connection
  --outer-capture FILE  records the datagrams outside, as pcapng; with --key-log FILE also the keys for Wireshark's
                        wg.keylog_file, among them the private key: whoever has both files reads everything`;

/** Writes one line to standard error. */
export type Say = (sentence: string) => void;

export function sayOnStandardError(command: string): Say {
  return (sentence) => void process.stderr.write(`${command}: ${sentence}\n`);
}

/** The configuration, checked. Throws one sentence about the first error, and says what else there is to say. */
export function readConfig(file: string, say: Say): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`cannot read ${file}: ${reasonOf(error)}`);
  }
  const { issues } = checkConfig(text);
  // The message names its line, too.
  const sentence = ({ message }: ConfigIssue) => `${file}, ${message}`;
  const error = issues.find(({ severity }) => severity === 'error');
  if (error) throw new Error(sentence(error));
  for (const issue of issues) if (issue.severity === 'warning') say(sentence(issue));
  return text;
}

export async function openTunnel(config: string, wayOut: WayOut, say: Say): Promise<Tunnel> {
  const tunnel = await Tunnel.open(config, optionsOf(wayOut));
  announce(tunnel, say);
  return tunnel;
}

/** Throws one sentence about flags that do not fit together. */
export function optionsOf(wayOut: WayOut): NodeTunnelOptions {
  const { relay, 'token-file': tokenFile, 'outer-capture': file, 'key-log': keyLog } = wayOut;
  if (keyLog !== undefined && file === undefined)
    throw new Error('--key-log is for --outer-capture, which is missing');
  return {
    ...(file !== undefined && { outerCapture: { file, ...(keyLog !== undefined && { keyLog }) } }),
    ...(relay && { relay }),
    ...(tokenFile !== undefined && { token: () => readFileSync(tokenFile, 'utf8').trim() }),
  };
}

/** Resolves with the first handshake; rejects when there never will be one, `patience` ms went by, or `stopped` says so. */
export async function firstHandshake(
  tunnel: Pick<Tunnel, 'ready'>,
  patience = Number.POSITIVE_INFINITY,
  stopped?: AbortSignal,
): Promise<void> {
  const deadline = Date.now() + patience;
  let why: TunnelError | undefined;
  for (;;) {
    const left = deadline - Date.now();
    if (left <= 0) throw why ?? new Error(`no handshake within ${patience / 1000} s`);
    try {
      await within(left, tunnel.ready, stopped);
      return;
    } catch (error) {
      why = error as TunnelError;
      if (why.retryable === false) throw why;
    }
  }
}

const LATE =
  'no handshake in time; WireGuard answers a wrong key with silence: the address, the port and both public keys must be right';

const STOPPED = 'stopped before there was a handshake';

/** Rejects, as if to be tried again, with the end of the time; and for good when it is stopped. */
async function within<T>(ms: number, promise: Promise<T>, stopped?: AbortSignal): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  let stop = () => {};
  const other = new Promise<never>((_, reject) => {
    const late = () => reject(Object.assign(new Error(LATE), { retryable: true }));
    if (Number.isFinite(ms)) timer = setTimeout(late, ms);
    stop = () => reject(Object.assign(new Error(STOPPED), { retryable: false }));
    if (stopped?.aborted) stop();
    stopped?.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([promise, other]);
  } finally {
    clearTimeout(timer);
    stopped?.removeEventListener('abort', stop);
  }
}

/** Says what happens to it. */
export function announce(tunnel: Tunnel, say: Say): void {
  const seen = new Set<string>();
  tunnel.addEventListener('handshake', ({ detail: { peer } }) => {
    if (!seen.has(peer)) say(`handshake with ${peer}`);
    seen.add(peer);
  });
  tunnel.addEventListener('peer', ({ detail: { peer, change } }) => {
    if (change !== 'gave-up') return;
    say(`no answer from ${peer} to twenty handshakes`);
    // It goes on by itself with the next packet; then its success is news again.
    seen.delete(peer);
  });
  let last: string | undefined;
  tunnel.addEventListener('error', ({ detail: { error } }) => {
    if (error.message !== last) say(error.message);
    last = error.message;
  });
}

/** Aborts when somebody asks the process to stop. */
export function stopSignal(): AbortSignal {
  const stopped = new AbortController();
  // SIGHUP is how ssh ends its ProxyCommand: the host inside must be told, too, or its session goes on.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stopped.abort());
  return stopped.signal;
}

/** Resolves when somebody asks the process to stop, or `tunnel` ended by itself, which rejects. */
export function untilStopped(tunnel: Tunnel): Promise<void> {
  return new Promise((resolve, reject) => {
    stopSignal().addEventListener('abort', () => resolve());
    tunnel.addEventListener('close', () => reject(new Error('the tunnel has ended')));
  });
}
