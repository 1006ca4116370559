// The real relay in a HelperProcess. Its argument is the relay's options.
import { readdirSync, readlinkSync } from 'node:fs';
import { url as inspectorUrl } from 'node:inspector';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import { createRelay, type RelayOptions } from '../../src/relay-host/index.ts';
import { answer } from './helper.ts';

/** What it knows of itself. Bytes, µs of processor time since it began, and counts. */
export interface RelayReport {
  readonly resident: number;
  /** After a collection: the JavaScript heap, and what hangs from it outside, buffers among it. */
  readonly heap: number;
  readonly external: number;
  readonly buffers: number;
  /** What V8 has of the system for its heap, used or not, and has allocated beside it. */
  readonly heapReserved: number;
  readonly malloced: number;
  /** The longest that the event loop kept anyone waiting since the last report, and what 99 of 100 turns did not, in ms. */
  readonly late: number;
  readonly lateP99: number;
  readonly cpu: number;
  /** Open files of each kind: sockets, and what else Linux calls them. */
  readonly files: Readonly<Record<string, number>>;
  /** A debugger has been here, whose thread has files of its own, and stays. */
  readonly isInspected: boolean;
  readonly sessions: number;
  readonly parked: number;
  readonly channels: number;
  readonly accepted: number;
  readonly closed: Readonly<Record<string, number>>;
  readonly up: number;
  readonly down: number;
  readonly messagesUp: number;
  readonly messagesDown: number;
  readonly dropsUp: Readonly<Record<string, number>>;
  readonly dropsDown: Readonly<Record<string, number>>;
}

const relay = createRelay(JSON.parse(process.argv[2]!) as RelayOptions);
const { url } = await relay.listen();

const delays = monitorEventLoopDelay({ resolution: 1 });
delays.enable();

function report(): RelayReport {
  const [late, lateP99] = [delays.max / 1e6, delays.percentile(99) / 1e6];
  for (let i = 0; i < 2; i++) globalThis.gc!();
  const { rss, heapUsed, heapTotal, external, arrayBuffers } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  const { counters } = relay;
  // Our own collection is nobody's fault.
  delays.reset();
  return {
    resident: rss,
    heap: heapUsed,
    external,
    buffers: arrayBuffers,
    heapReserved: heapTotal,
    malloced: getHeapStatistics().malloced_memory,
    late,
    lateP99,
    cpu: user + system,
    files: openFiles(),
    isInspected: inspectorUrl() !== undefined,
    sessions: relay.sessions,
    parked: relay.parked,
    channels: relay.channels,
    accepted: counters.upgrades.get('accepted') ?? 0,
    closed: Object.fromEntries(counters.closed),
    up: counters.up.datagrams,
    down: counters.down.datagrams,
    messagesUp: counters.up.messages,
    messagesDown: counters.down.messages,
    dropsUp: counters.up.drops,
    dropsDown: counters.down.drops,
  };
}

/** By what they are, without the number that a socket or a pipe has. */
function openFiles(): Record<string, number> {
  const kinds: Record<string, number> = {};
  for (const name of readdirSync('/proc/self/fd')) {
    const kind = kindOf(name);
    kinds[kind] = (kinds[kind] ?? 0) + 1;
  }
  return kinds;
}

function kindOf(name: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${name}`).replace(/:\[\d+\]$/, '');
  } catch {
    // The folder itself, which is read no more.
    return 'folder';
  }
}

answer({ url: () => url, report });
