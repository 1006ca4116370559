// Our end of a bulk transfer, what c/traffic.c is for Linux: `node --import tsx our-end.ts JSON`. Prints "ready" when it
// can begin, and at its end one line of JSON of the same form.

import { IpAddress } from '../../src/core/address.ts';
import type { TcpConnection } from '../../src/core/netstack/tcp/connection.ts';
import { putBackOwnThreads } from './own-threads.ts';
import { patternAt } from './pattern.ts';
import { StackHost, type StackHostOptions } from './stack-host.ts';
import type { Sample, TrafficReport } from './traffic-report.ts';
import { warmUp } from './warm-up.ts';

export interface OurEndWish extends StackHostOptions {
  mode: 'send' | 'receive';
  /** Sending: where to. */
  to?: string;
  port: number;
  milliseconds: number;
  /** Sending: begins when a line comes on standard input, not at once. */
  waits?: boolean;
}

const SAMPLE = 100;
const CHUNK = 1 << 16;

const wish = JSON.parse(process.argv[2]!) as OurEndWish;
warmUp();
putBackOwnThreads();
const host = await StackHost.connect(wish);
const samples: Sample[] = [];
let bytes = 0;
let corrupt = false;
let begun = 0;
let startedWith = process.cpuUsage();

if (wish.mode === 'receive') receive();
else if (wish.waits)
  process.stdin.once('data', () => {
    process.stdin.destroy();
    send();
  });
else send();
console.log('ready');

function send(): void {
  const remote = { address: IpAddress.parse(wish.to!)!, port: wish.port };
  const connection = host.stack.connectTcp(remote, {}, host.now());
  host.afterPoll = () => {
    if (connection.state === 'SYN-SENT') return;
    if (begun === 0) begin(connection);
    for (;;) {
      const chunk = patternAt(bytes, CHUNK);
      const written = connection.write(chunk);
      bytes += written;
      if (written < chunk.length) return;
    }
  };
  host.settle();
}

function receive(): void {
  const listener = host.stack.listenTcp({ port: wish.port }, host.now());
  const target = new Uint8Array(CHUNK);
  let connection: TcpConnection | undefined;
  host.afterPoll = () => {
    connection ??= listener.accept();
    if (!connection) return;
    for (let got = connection.readInto(target); got > 0; got = connection.readInto(target)) {
      if (begun === 0) begin(connection);
      corrupt ||= Buffer.compare(target.subarray(0, got), patternAt(bytes, got)) !== 0;
      bytes += got;
    }
  };
}

function begin(connection: TcpConnection): void {
  begun = host.now();
  startedWith = process.cpuUsage();
  const sampling = setInterval(() => {
    takeSample(connection);
    if (host.now() - begun < wish.milliseconds) return;
    clearInterval(sampling);
    end(connection);
  }, SAMPLE);
}

function takeSample(connection: TcpConnection): void {
  const info = connection.info();
  samples.push([
    host.now() - begun,
    bytes,
    info.cwnd / info.mss,
    info.ssthresh / info.mss,
    info.rtt,
    info.bytesInFlight / info.mss,
    0,
    info.retransmits,
    0,
  ]);
}

function end(connection: TcpConnection): void {
  const info = connection.info();
  const { retransmits, timeouts, mss } = info;
  const { user, system } = process.cpuUsage(startedWith);
  const cpu = (user + system) / 1000 / (host.now() - begun);
  const report: TrafficReport = {
    congestion: 'ours',
    mss,
    corrupt,
    retransmits,
    timeouts,
    duplicates: 0,
    cpu,
    samples,
  };
  console.log(JSON.stringify({ ...report, info, drops: host.stack.tcp.drops.toRecord() }));
  // The end of the measurement is no part of it: nothing that waits is delivered.
  connection.abort();
  host.settle();
  host.close();
}
