import { type DestinationStream, destination, pino, stdTimeFunctions } from 'pino';
import { networkOf, parseZoned } from '../../relay/address.ts';
import type { Log, LogEvent, LogFields } from '../../relay/context.ts';

/** One line of the relay's log. Never a token, a query string, a payload or a WireGuard index. */
export interface LogEntry {
  /** What it is about. */
  readonly event: LogEvent;
  /** How much it matters. */
  readonly level: 'info' | 'warn';
  readonly [field: string]: string | number | boolean | undefined;
}

/** Where lines of the log go, one call each. */
export type LogSink = (entry: LogEntry) => void;

/** Of an address, so much is shown where the log is to name networks only. */
const SHOWN = { ipv4: 24, ipv6: 48 };
const MAX_FIELD = 200;
const REJECTIONS_PER_SECOND = 10;
/** So much waits for a disk that is full; what comes then is lost. */
const MAX_WAITING = 1024 * 1024;

/** Cuts what others wrote to size, and samples refusals, which others can cause as often as they like. */
export class SampledLog implements Log {
  readonly #sink: LogSink | undefined;
  readonly #now: () => number;
  readonly #showsNetworks: boolean;
  #second = Number.NEGATIVE_INFINITY;
  #rejections = new Map<string, number>();
  #suppressed = 0;

  /** `showsNetworks`: instead of clients' addresses. */
  constructor(sink: LogSink | undefined, now: () => number, showsNetworks = false) {
    this.#sink = sink;
    this.#now = now;
    this.#showsNetworks = showsNetworks;
  }

  info(event: LogEvent, fields: LogFields = {}): void {
    this.#write('info', event, fields);
  }

  warn(event: LogEvent, fields: LogFields): void {
    this.#write('warn', event, fields);
  }

  /** `reason` is one of ours, not a client's text. At most ten a second for each, and then how many more. */
  refused(event: LogEvent, reason: string, fields: LogFields): void {
    const now = this.#now();
    if (now - this.#second >= 1000) {
      this.#second = now;
      this.#rejections.clear();
    }
    const count = (this.#rejections.get(reason) ?? 0) + 1;
    this.#rejections.set(reason, count);
    if (count > REJECTIONS_PER_SECOND) {
      this.#suppressed++;
      return;
    }
    const suppressed = this.#suppressed || undefined;
    this.#suppressed = 0;
    this.#write('warn', event, { reason, ...fields, suppressed });
  }

  #write(level: LogEntry['level'], event: LogEvent, fields: LogFields): void {
    if (this.#sink === undefined) return;
    const shown = Object.entries(fields).map(([name, value]) => [
      name,
      typeof value === 'string' ? this.#shown(name, value) : value,
    ]);
    this.#sink({ ...Object.fromEntries(shown), level, event });
  }

  #shown(name: string, text: string): string {
    if (name === 'client' && this.#showsNetworks) return networkOfClient(text);
    return text.length > MAX_FIELD ? `${text.slice(0, MAX_FIELD)}…` : text;
  }
}

function networkOfClient(text: string): string {
  const address = parseZoned(text);
  return address === undefined ? '' : networkOf(address, SHOWN[address.kind()]);
}

/** JSON lines by pino, to standard output unless told otherwise; whatever a client put into a field arrives escaped. */
export function jsonLines(to: DestinationStream = standardOutput()): LogSink {
  const options = {
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    messageKey: 'event',
    formatters: { level: (level: string) => ({ level }) },
  };
  const logger = pino(options, to);
  return ({ level, event, ...fields }) => logger[level](fields, event);
}

/** The relay does not end because there is no room for its log. */
function standardOutput(): DestinationStream {
  const output = destination({ sync: true, maxLength: MAX_WAITING });
  // It tries again with the next line.
  output.on('error', () => {});
  return output;
}
