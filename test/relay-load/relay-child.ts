// The real relay in a HelperProcess. Its argument is the relay's options.
import { readdirSync } from 'node:fs';
import { createRelay, type RelayOptions } from '../../relay/index.ts';
import { answer } from './helper.ts';

/** What it knows of itself. Bytes, µs of processor time since it began, and counts. */
export interface RelayReport {
  readonly resident: number;
  /** After a collection: the JavaScript heap, and what hangs from it outside. */
  readonly heap: number;
  readonly external: number;
  readonly cpu: number;
  readonly files: number;
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

function report(): RelayReport {
  for (let i = 0; i < 2; i++) globalThis.gc!();
  const { rss, heapUsed, external } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  const { counters } = relay;
  return {
    resident: rss,
    heap: heapUsed,
    external,
    cpu: user + system,
    files: readdirSync('/proc/self/fd').length,
    sessions: relay.sessions,
    parked: relay.parked,
    channels: relay.channels,
    accepted: counters.sessionsAccepted,
    closed: Object.fromEntries(counters.closed),
    up: counters.datagramsUp,
    down: counters.datagramsDown,
    messagesUp: counters.messagesUp,
    messagesDown: counters.messagesDown,
    dropsUp: counters.dropsUp,
    dropsDown: counters.dropsDown,
  };
}

answer({ url: () => url, report });
