/** What the instruments remember: one reading a second, for a quarter of an hour. */
import type { SocketStatus, TunnelStatus } from '../../src/index.ts';

const KEPT = 900;
/** Readings closer than this, in ms, are left out, as their rates are noise. */
const LEAST_APART = 200;

/** Each a column of the plots; what was not known is null, a gap. */
export const FIGURES = ['received', 'sent', 'relay', 'tcp', 'ping', 'retransmits', 'queued'] as const;
export type Figure = (typeof FIGURES)[number];
export type Reading = Record<Figure, number | null>;

interface Counters {
  at: number;
  received: number;
  sent: number;
  retransmits: number;
}

export class History {
  /** Seconds since 1970, oldest first. */
  readonly times: number[] = [];
  readonly columns = Object.fromEntries(FIGURES.map((name) => [name, []])) as unknown as Record<
    Figure,
    (number | null)[]
  >;
  #before: Counters | undefined;

  /** `at`: milliseconds since 1970. `ping`: the latest round trip, where one runs. */
  read(status: TunnelStatus, sockets: readonly SocketStatus[], ping: number | undefined, at: number): void {
    const before = this.#before;
    if (before && at - before.at < LEAST_APART && at >= before.at) return;
    const now: Counters = {
      at,
      received: status.peers.reduce((sum, { transferRx }) => sum + transferRx, 0),
      sent: status.peers.reduce((sum, { transferTx }) => sum + transferTx, 0),
      retransmits: status.tcp.retransmits,
    };
    this.#before = now;
    const { rtt, queued } = status.transport;
    this.#push(at / 1000, {
      received: rateOf('received', before, now),
      sent: rateOf('sent', before, now),
      retransmits: rateOf('retransmits', before, now),
      relay: rtt ?? null,
      tcp: slowest(sockets),
      ping: ping ?? null,
      queued: queued ?? null,
    });
  }

  #push(time: number, reading: Reading): void {
    this.times.push(time);
    for (const name of FIGURES) this.columns[name].push(reading[name]);
    if (this.times.length <= KEPT) return;
    this.times.shift();
    for (const name of FIGURES) this.columns[name].shift();
  }
}

/** Per second. A counter that went back belongs to another peer, or to a clock that was set: nothing is known. */
function rateOf(
  name: 'received' | 'sent' | 'retransmits',
  before: Counters | undefined,
  now: Counters,
): number | null {
  if (!before || now.at <= before.at || now[name] < before[name]) return null;
  return ((now[name] - before[name]) / (now.at - before.at)) * 1000;
}

/** The longest smoothed round trip of the connections that are open. */
function slowest(sockets: readonly SocketStatus[]): number | null {
  let most = 0;
  for (const { state, tcp } of sockets) if (state === 'ESTABLISHED') most = Math.max(most, tcp?.rtt ?? 0);
  return most > 0 ? most : null;
}
