import { createRequire } from 'node:module';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Relay } from './relay.ts';

/** By its name, the package finds itself from wherever it was built to. */
const { version } = createRequire(import.meta.url)('tabwire/package.json') as { version: string };

/** The relay's numbers for Prometheus. They are counted anyway; here they only get names, when somebody asks. */
export function metricsOf(relay: Relay): Registry {
  const registry = new Registry();
  const registers = [registry];
  const { counters } = relay;

  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name: `wgrelay_${name}`,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  };
  /** `read` gives each value behind the words that label it, separated by spaces. */
  const counter = (
    name: string,
    help: string,
    labelNames: readonly string[],
    read: () => Iterable<readonly [words: string, value: number]>,
  ): void => {
    new Counter({
      name: `wgrelay_${name}`,
      help,
      labelNames: [...labelNames],
      registers,
      collect() {
        this.reset();
        for (const [words, value] of read()) {
          const each = words.split(' ');
          this.inc(Object.fromEntries(labelNames.map((label, i) => [label, each[i]!])), value);
        }
      },
    });
  };
  const TYPES = ['', 'initiation', 'response', 'cookie', 'data'];
  const byType = (direction: string, counts: readonly number[]) =>
    counts.flatMap((count, type) => (type > 0 ? [[`${direction} ${TYPES[type]}`, count] as const] : []));
  const both = (up: number, down: number) => [['up', up] as const, ['down', down] as const];
  const drops = (direction: string, counts: Readonly<Record<string, number>>) =>
    Object.entries(counts).map(([reason, value]) => [`${direction} ${reason}`, value] as const);

  gauge('sessions', 'WebSockets that are served.', () => relay.sessions);
  gauge('sessions_parked', 'Sessions whose client is waited for.', () => relay.parked);
  gauge('unauthenticated', 'Connections that are no session.', () => relay.unauthenticated);
  gauge('channels', 'Channels that are open or becoming so.', () => relay.channels);
  gauge('queue_bytes', 'What waits for slow clients, in bytes.', () => relay.queuedBytes);
  gauge('udp_ports_used_ratio', 'Which part of the UDP ports is taken.', () => relay.portsUsed);
  gauge(
    'files_used_ratio',
    'Which part of the files that this process may open is taken.',
    () => relay.filesUsed,
  );
  gauge('draining', '1 while the relay stops.', () => (relay.isDraining ? 1 : 0));
  counter(
    'upgrades_total',
    'Requests for a WebSocket, by what came of them.',
    ['result'],
    () => counters.upgrades,
  );
  counter('auth_failures_total', 'Tokens refused, by reason.', ['reason'], () => counters.tokensRefused);
  counter(
    'connections_refused_total',
    'Connections that ended before they were a request, by reason.',
    ['reason'],
    () => counters.connectionsRefused,
  );
  counter('evicted_total', 'Who made room for others, by what it was.', ['what'], () => counters.evicted);
  counter('policy_denied_total', 'Destinations refused, by reason.', ['reason'], () => counters.denied);
  counter(
    'channels_closed_total',
    'Channels refused or closed by the relay, by the word that the client is told.',
    ['reason'],
    () => counters.channelsClosed,
  );
  counter('closes_total', 'Sessions ended, by close code.', ['code'], () => counters.closed);
  counter(
    'resume_total',
    'What came of tickets that were shown.',
    ['level', 'result'],
    () => counters.resumes,
  );
  counter(
    'udp_errors_total',
    "Errors of UDP sockets, by the system's word.",
    ['errno'],
    () => counters.udpErrors,
  );
  counter('channels_opened_total', 'UDP sockets made.', [], () => [['', counters.channelsOpened]]);
  counter('config_reload_failures_total', 'Configurations refused while running.', [], () => [
    ['', counters.reloadsFailed],
  ]);
  counter(
    'datagrams_total',
    'Datagrams that passed the gate; of those, what found no room is among the drops.',
    ['dir', 'type'],
    () => [...byType('up', counters.up.types), ...byType('down', counters.down.types)],
  );
  counter(
    'handshakes_total',
    'Handshakes that began and are over, by who began and whether the other side answered.',
    ['dir', 'result'],
    () => counters.handshakes,
  );
  counter('bytes_total', 'Bytes of datagrams forwarded.', ['dir'], () =>
    both(counters.up.bytes, counters.down.bytes),
  );
  counter('ws_messages_total', 'WebSocket messages.', ['dir'], () =>
    both(counters.up.messages, counters.down.messages),
  );
  counter('drops_total', 'Datagrams dropped, by direction and reason.', ['dir', 'reason'], () => [
    ...drops('up', counters.up.drops),
    ...drops('down', counters.down.drops),
  ]);
  new Gauge({
    name: 'wgrelay_build_info',
    help: '1 for each process; what runs in it is in the labels.',
    labelNames: ['version', 'node'],
    registers,
  }).set({ version, node: process.version }, 1);
  for (const histogram of Object.values(relay.times)) registry.registerMetric(histogram);
  collectDefaultMetrics({ register: registry });
  return registry;
}

/** Of six bounds, each four times the one before. */
export function times(name: string, help: string, least: number): Histogram {
  const buckets = Array.from({ length: 6 }, (_, n) => least * 4 ** n);
  return new Histogram({ name: `wgrelay_${name}`, help, buckets, registers: [] });
}
