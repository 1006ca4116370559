// npm run bench:memory [-- sockets | packets | million]: what ten thousand of each kind cost, each kind in a process of its
// own; what a million packets between two stacks make on the heap; and what a million connections that came and went leave behind.
import { fork } from 'node:child_process';
import { allocationOf } from './allocation.ts';
import { churn } from './churn.ts';
import { Crowd } from './crowd.ts';
import { POPULATIONS } from './populations.ts';
import { SOCKET_BOUND, weighSocket } from './sockets.ts';
import { Conversation, TRAFFIC, type Traffic } from './traffic.ts';
import { memoryInUse, weigh } from './weigh.ts';

const MIB = 1 << 20;
const MILLION = 1_000_000;
const WARM = 20_000;
const SOCKETS = 10_000;
const WEIGHINGS = 3;
/** Of the heap, while a million packets pass, in bytes. */
const GROWTH_BOUND = 64 << 10;
/** Bytes for each packet: no object is smaller than twelve, so that less than one packet in six makes one. */
const PACKET_BOUND = 2;
/** One of so many times must keep the bounds: the compiler is never quite done, and what it makes is in the heap, too. */
const ROUNDS = 10;

const [task, ...details] = process.argv.slice(2);
if (task === undefined) await everything();
else if (task === 'million') million();
else if (task === 'sockets') await sockets();
else if (task === 'packets') await packets(details);
else weighOne(Number(task));

async function everything(): Promise<void> {
  let failed = 0;
  for (const index of [...POPULATIONS.keys(), 'sockets', 'packets', 'million'])
    failed += await inProcess(String(index));
  console.log(failed === 0 ? 'memory: all within their bounds' : `memory: ${failed} beyond their bounds`);
  process.exitCode = failed === 0 ? 0 : 1;
}

function inProcess(...task: string[]): Promise<number> {
  return new Promise((resolve) => {
    const child = fork(import.meta.filename, task);
    child.on('exit', (code) => resolve(code === 0 ? 0 : 1));
  });
}

function weighOne(index: number): void {
  const population = POPULATIONS[index]!;
  const { name, count, bound } = population;
  let weight = weigh(population, count);
  // What the compiler makes meanwhile is in the heap, too, and nothing else that weighs once and not the next time.
  for (let again = 1; again < WEIGHINGS && weight > bound; again++) weight = weigh(population, count);
  const each = Math.round(weight / count);
  const ok = weight <= bound;
  console.log(
    `${ok ? 'ok  ' : 'MORE'} ${count} ${name}: ${(weight / MIB).toFixed(2)} MiB of ${bound / MIB}, ${each} bytes each`,
  );
  process.exitCode = ok ? 0 : 1;
}

async function sockets(): Promise<void> {
  const each = await weighSocket(SOCKETS);
  const ok = each <= SOCKET_BOUND;
  console.log(
    `${ok ? 'ok  ' : 'MORE'} ${SOCKETS} TCP sockets of the API, without their connections: ` +
      `${Math.round(each)} bytes each of ${SOCKET_BOUND}`,
  );
  process.exitCode = ok ? 0 : 1;
}

/** `packets INDEX COUNT`: so many of one kind of traffic; without, a million of each. */
async function packets([index, count]: string[]): Promise<void> {
  if (index !== undefined) return packetsOf(TRAFFIC[Number(index)]!, Number(count));
  let failed = 0;
  for (const each of TRAFFIC.keys()) failed += await inProcess('packets', String(each), String(MILLION));
  process.exitCode = failed === 0 ? 0 : 1;
}

async function packetsOf(traffic: Traffic, count: number): Promise<void> {
  const conversation = new Conversation(traffic);
  conversation.run(2 * count);
  let ok = false;
  for (let round = 1; round <= ROUNDS && !ok; round++) {
    const { each, scavenges, growth } = await allocationOf(conversation, count);
    // What scavenges there are, are for the instants of the turns, which are the clock's.
    ok = each <= PACKET_BOUND && growth <= GROWTH_BOUND;
    console.log(
      `${ok ? 'ok  ' : round < ROUNDS ? 'once more:' : 'MORE'} ${count} packets, TCP ${traffic.name}: ` +
        `${each.toFixed(1)} bytes each of ${PACKET_BOUND}, ${scavenges} scavenges, the heap has grown by ` +
        `${Math.round(growth / 1024)} KiB of ${GROWTH_BOUND >> 10}; ` +
        `${conversation.lost} lost, ${conversation.retransmits} sent again by the client`,
    );
  }
  process.exitCode = ok ? 0 : 1;
}

function million(): void {
  const crowd = new Crowd({ clients: WARM + MILLION });
  churn(crowd, 0, WARM);
  const before = memoryInUse();
  const begun = performance.now();
  churn(crowd, WARM, MILLION);
  const seconds = (performance.now() - begun) / 1000;
  const after = memoryInUse();
  const { layer } = crowd;
  // Less than before is right as well: the collector throws compiled code away.
  const ok = after - before <= before / 100 && layer.connectionCount === 0;
  const mib = (bytes: number) => (bytes / MIB).toFixed(2);
  console.log(
    `${ok ? 'ok  ' : 'MORE'} ${MILLION} connections opened and closed: ${mib(before)} MiB before, ${mib(after)} after; ` +
      `${layer.pages.used} pages, ${layer.timeWaitCount} in TIME-WAIT; ${seconds.toFixed(0)} s`,
  );
  process.exitCode = ok ? 0 : 1;
}
