// Programs that know nothing of tunnels, and what they say, in a form that tests can compare.
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Child, run, until } from './child-process.ts';
import type { Namespace } from './namespace.ts';

/** Where a program runs: in a namespace, or out here on loopback. */
export type Place = Namespace | undefined;

function start(place: Place, command: string, args: readonly string[], input?: Buffer): Child {
  const options = input === undefined ? {} : { input };
  return place ? place.start(command, args, options) : new Child(command, args, options);
}

export interface Iperf3Result {
  /** Bytes that the sending side counts, and the receiving one. */
  sent: number;
  received: number;
  /** The same of the other direction, with --bidir. */
  reverse: { sent: number; received: number } | undefined;
  /** The longest time in which a receiving side got nothing at all, in seconds, to the half second. */
  pause: number;
  /** What arrived of each stream, in bytes. */
  streams: number[];
  /** UDP: of those that were sent. */
  lost: number;
  datagrams: number;
}

/** How long a server may take to be ready for the next client, in milliseconds. */
const BUSY = 5000;

interface Sum {
  bytes: number;
  lost_packets?: number;
  packets?: number;
}

interface Iperf3Interval extends Sum {
  seconds: number;
  sender: boolean;
}

type Iperf3Intervals = Partial<Record<'sum' | 'sum_bidir_reverse', Iperf3Interval>>[];

interface Iperf3Report {
  error?: string;
  intervals: Iperf3Intervals;
  server_output_json?: { intervals?: Iperf3Intervals };
  end: { streams?: { receiver?: Sum }[] } & Partial<
    Record<'sum' | 'sum_sent' | 'sum_received' | 'sum_sent_bidir_reverse' | 'sum_received_bidir_reverse', Sum>
  >;
}

async function ask(port: number, args: readonly string[]): Promise<Iperf3Report> {
  return JSON.parse(
    await run('iperf3', [
      '-J',
      '-c',
      '127.0.0.1',
      '-p',
      String(port),
      ...INTERVAL,
      '--get-server-output',
      ...args,
    ]),
  ) as Iperf3Report;
}

/** How often both sides take note; the server must be started with it. */
const INTERVAL = ['-i', '0.5'];

export async function startIperf3(namespace: Namespace): Promise<void> {
  namespace.start('iperf3', ['-s', ...INTERVAL]);
  await until('iperf3 listens', async () => (await namespace.exec('ss', '-Hltn', 'sport = :5201')) !== '');
}

/** Only who receives knows what came through: the sender counts what its own system has taken for later. */
function longestPause(intervals: Iperf3Intervals): number {
  let longest = 0;
  for (const direction of ['sum', 'sum_bidir_reverse'] as const) {
    let pause = 0;
    for (const { [direction]: sum } of intervals) {
      if (!sum || sum.sender) continue;
      pause = sum.bytes > 0 ? 0 : pause + sum.seconds;
      longest = Math.max(longest, pause);
    }
  }
  return longest;
}

/** iperf3's client, to the server behind this port of loopback. */
export async function iperf3(port: number, ...args: string[]): Promise<Iperf3Result> {
  const deadline = Date.now() + BUSY;
  let report = await ask(port, args);
  // One that has just served someone refuses the next for a moment, in words or by a reset.
  while (
    /busy|reset by peer/.test(report.error ?? '') &&
    report.intervals.length === 0 &&
    Date.now() < deadline
  ) {
    await delay(100);
    report = await ask(port, args);
  }
  if (report.error !== undefined) throw new Error(`iperf3 ${args.join(' ')}: ${report.error}`);
  const { end, intervals } = report;
  const reverse = end.sum_sent_bidir_reverse && {
    sent: end.sum_sent_bidir_reverse.bytes,
    received: end.sum_received_bidir_reverse?.bytes ?? 0,
  };
  return {
    sent: (end.sum_sent ?? end.sum)?.bytes ?? 0,
    received: (end.sum_received ?? end.sum)?.bytes ?? 0,
    reverse,
    pause: Math.max(longestPause(intervals), longestPause(report.server_output_json?.intervals ?? [])),
    streams: (end.streams ?? []).map(({ receiver }) => receiver?.bytes ?? 0),
    lost: end.sum?.lost_packets ?? 0,
    datagrams: end.sum?.packets ?? 0,
  };
}

/** A program that was fed and has ended: how it ended, and what it printed. */
export interface Conversation {
  code: number | null;
  received: Buffer;
}

/** `nc`, given all of its input at once; with -N among the arguments, its end is told to the other side. */
export class Netcat {
  readonly #child: Child;
  readonly #parts: Buffer[] = [];

  constructor(place: Place, args: readonly string[], input: Buffer) {
    this.#child = start(place, 'nc.openbsd', args, input);
    this.#child.process.stdout?.on('data', (chunk: Buffer) => this.#parts.push(chunk));
  }

  get running(): boolean {
    return this.#child.running;
  }

  get receivedBytes(): number {
    return this.#parts.reduce((sum, part) => sum + part.length, 0);
  }

  async end(): Promise<Conversation> {
    const code = await this.#child.exited;
    return { code, received: Buffer.concat(this.#parts) };
  }

  stop(): Promise<void> {
    return this.#child.stop();
  }
}

export interface CurlAnswer {
  status: number;
  bytes: number;
  /** Of the body, lower-case hex. */
  sha256: string;
}

/** `curl` of one URL. */
export async function curl(place: Place, url: string, ...args: string[]): Promise<CurlAnswer> {
  const child = start(place, 'curl', ['-sS', '-o', '-', '-w', '%{stderr}%{http_code}', ...args, url]);
  const hash = createHash('sha256');
  let bytes = 0;
  let status = '';
  child.process.stdout?.on('data', (chunk: Buffer) => {
    hash.update(chunk);
    bytes += chunk.length;
  });
  child.process.stderr?.on('data', (chunk: Buffer) => {
    status += chunk.toString();
  });
  if ((await child.exited) !== 0) throw new Error(`curl ${url}: ${status}`);
  return { status: Number(status.trim()), bytes, sha256: hash.digest('hex') };
}

/** `curl` of a URL with a range in brackets: how many answers had this status and this many bytes each. */
export async function curlMany(place: Place, url: string, ...args: string[]): Promise<Map<string, number>> {
  const child = start(place, 'curl', [
    '-sS',
    '-o',
    '/dev/null',
    '-w',
    '%{http_code} %{size_download}\n',
    ...args,
    url,
  ]);
  const code = await child.exited;
  if (code !== 0) throw new Error(`curl ${url} ended with ${code}\n${child.output}`);
  const counts = new Map<string, number>();
  for (const line of child.output.trim().split('\n')) counts.set(line, (counts.get(line) ?? 0) + 1);
  return counts;
}

export interface DigAnswer {
  status: string;
  /** Such as `qr`, `aa`, `tc`. */
  flags: string[];
  /** The records of the answer, sorted: their data comes in any order. */
  answer: string[];
  over: string;
}

/** `dig` of one question, asked once. */
export async function dig(
  place: Place,
  host: string,
  port: number,
  ...question: string[]
): Promise<DigAnswer> {
  const args = [`@${host}`, '-p', String(port), '+tries=1', '+time=5', ...question];
  const child = start(place, 'dig', args);
  if ((await child.exited) !== 0) throw new Error(`dig ${args.join(' ')}\n${child.output}`);
  const { output } = child;
  return {
    status: /status: (\w+)/.exec(output)?.[1] ?? '',
    flags: (/^;; flags: ([^;]*)/m.exec(output)?.[1] ?? '').split(' ').filter(Boolean),
    answer: (/^;; ANSWER SECTION:\n([^;]*)\n\n/m.exec(output)?.[1] ?? '').split('\n').filter(Boolean).sort(),
    over: /^;; SERVER: .*\((\w+)\)$/m.exec(output)?.[1] ?? '',
  };
}

/**
 * Types so many lines into a `cat` over ssh, each when the echo of the one before is there. Milliseconds from line to echo,
 * sorted.
 */
export async function keystrokes(ssh: readonly string[], count: number): Promise<number[]> {
  const child = new Child('ssh', [...ssh, 'echo ready; cat'], { isInteractive: true });
  await child.saw(/ready/);
  const times: number[] = [];
  for (let n = 0; n < count; n++) {
    const started = performance.now();
    child.process.stdin!.write(`line ${n}\n`);
    await child.saw(new RegExp(`^line ${n}$`, 'm'));
    times.push(Math.round(performance.now() - started));
  }
  child.process.stdin!.end();
  await child.exited;
  return times.sort((a, b) => a - b);
}
