import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Relay } from './server.ts';

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
  /** `read` gives each value with the words that label it. */
  const counter = (
    name: string,
    help: string,
    labelNames: string[],
    read: () => Iterable<readonly [words: readonly string[], value: number]>,
  ): void => {
    new Counter({
      name: `wgrelay_${name}`,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        for (const [words, value] of read())
          this.inc(Object.fromEntries(labelNames.map((label, i) => [label, words[i]!])), value);
      },
    });
  };
  const words = (counts: Iterable<readonly [string, number]>) =>
    Array.from(counts, ([word, value]) => [[word], value] as const);
  const drops = (direction: string, counts: object) =>
    Object.entries(counts).map(([reason, value]) => [[direction, reason], value as number] as const);
  const both = (up: number, down: number) => words([['up', up] as const, ['down', down] as const]);

  gauge('sessions', 'WebSockets that are served.', () => relay.sessions);
  gauge('sessions_parked', 'Sessions whose client is waited for.', () => relay.parked);
  gauge('unauthenticated', 'WebSockets whose token is being judged.', () => relay.unauthenticated);
  gauge('channels', 'Channels that are open or becoming so.', () => relay.channels);
  gauge('queue_bytes', 'What waits for slow clients, in bytes.', () => relay.queuedBytes);
  gauge('draining', '1 while the relay stops.', () => (relay.isDraining ? 1 : 0));
  counter('upgrades_total', 'Requests for a WebSocket, by what came of them.', ['result'], () => [
    [['accepted'], counters.sessionsAccepted],
    ...words(counters.refused),
  ]);
  counter('auth_failures_total', 'Tokens refused, by reason.', ['reason'], () =>
    words(counters.tokensRefused),
  );
  counter('policy_denied_total', 'Destinations refused, by reason.', ['reason'], () =>
    words(counters.denied),
  );
  counter('closes_total', 'Sessions ended, by close code.', ['code'], () => words(counters.closed));
  counter('channels_opened_total', 'UDP sockets made.', [], () => [[[], counters.channelsOpened]]);
  counter(
    'datagrams_total',
    'Datagrams that passed the gate; of those, what found no room is among the drops.',
    ['dir'],
    () => both(counters.datagramsUp, counters.datagramsDown),
  );
  counter('bytes_total', 'Bytes of datagrams forwarded.', ['dir'], () =>
    both(counters.bytesUp, counters.bytesDown),
  );
  counter('ws_messages_total', 'WebSocket messages.', ['dir'], () =>
    both(counters.messagesUp, counters.messagesDown),
  );
  counter('drops_total', 'Datagrams dropped, by direction and reason.', ['dir', 'reason'], () => [
    ...drops('up', counters.dropsUp),
    ...drops('down', counters.dropsDown),
  ]);
  counter('resume_total', 'What came of tickets that were shown.', ['level', 'result'], () =>
    Array.from(counters.resumes, ([words, value]) => [words.split(' '), value] as const),
  );
  counter('udp_errors_total', "Errors of UDP sockets, by the system's word.", ['errno'], () =>
    words(counters.udpErrors),
  );
  counter('config_reload_failures_total', 'Configurations refused while running.', [], () => [
    [[], counters.reloadsFailed],
  ]);
  collectDefaultMetrics({ register: registry });
  return registry;
}
