// What looks at the network inside and ends with an answer: traces, path MTUs, ports.
import type { Hop, PortCheckOptions, PortState, TraceMessage, TraceOptions } from '../bridge/api.ts';
import type { Port } from '../bridge/channel.ts';
import { toPlainError } from '../bridge/errors.ts';
import type { IpAddress } from '../core/address.ts';
import type { Driver } from '../core/driver.ts';
import { TunnelError } from '../core/errors.ts';
import { PathMtuSearch } from '../core/netstack/diagnostics/path-mtu-search.ts';
import { PortCheck } from '../core/netstack/diagnostics/port-check.ts';
import { type Hop as CoreHop, Trace } from '../core/netstack/diagnostics/trace.ts';
import type { NetStack } from '../core/netstack/netstack.ts';
import type { Instant, Pollable } from '../core/time.ts';
import type { Drainable, Noted } from './noted.ts';

/** All questions together that may be open at once. */
const MAX_OPEN = 1024;
/** Between ourselves there are no links. */
const LOCAL_MTU = 65_535;

/** Something in the core that works towards an answer. */
interface Search extends Pollable {
  close(): void;
}

export class Diagnostics {
  readonly #stack: NetStack;
  readonly #driver: Driver;
  readonly #noted: Noted;
  /** By what ends each: the tunnel's end. */
  readonly #open = new Set<() => void>();

  constructor(stack: NetStack, driver: Driver, noted: Noted) {
    this.#stack = stack;
    this.#driver = driver;
    this.#noted = noted;
  }

  /** Hops go to `port` as they become known, until it is told to close. */
  trace(remote: IpAddress, options: TraceOptions, port: Port): void {
    this.#checkRoom();
    const run = new TraceRun(this.#stack, remote, options, port, {
      noted: this.#noted,
      settle: this.#driver.settle,
      traceFinished: () => {
        this.#driver.remove(run);
        this.#open.delete(end);
      },
    });
    const end = () => run.close();
    this.#open.add(end);
    this.#driver.add(run);
    this.#driver.settle();
  }

  async pathMtu(remote: IpAddress, port: Port): Promise<number> {
    if (this.#stack.isLocal(remote)) return LOCAL_MTU;
    return this.#ask<number>(
      port,
      (found, failed) => new PathMtuSearch(this.#stack, remote, { found, failed }),
    );
  }

  checkPort(remote: IpAddress, options: PortCheckOptions, port: Port): Promise<PortState> {
    return this.#ask<PortState>(port, (found) => {
      const now = this.#driver.now();
      const connection = this.#stack.connectTcp({ address: remote, port: options.port }, {}, now);
      return new PortCheck(connection, now + options.timeout, found);
    });
  }

  /** The tunnel ends. */
  close(): void {
    for (const end of [...this.#open]) end();
  }

  /** Works until there is an answer, or nobody wants it any more: `port` says so by a message. */
  #ask<T>(
    port: Port,
    start: (found: (answer: T) => void, failed: (error: TunnelError) => void) => Search,
  ): Promise<T> {
    const driver = this.#driver;
    let search: Search | undefined;
    let end = () => {};
    const answer = new Promise<T>((resolve, reject) => {
      this.#checkRoom();
      search = start(resolve, reject);
      end = () => reject(new TunnelError('ERR_CLOSED', 'The tunnel is closed.'));
      this.#open.add(end);
      port.onmessage = () => reject(new TunnelError('ERR_CLOSED', 'Nobody waits for the answer.'));
      driver.add(search);
      driver.settle();
    });
    return answer.finally(() => {
      port.onmessage = null;
      port.close();
      this.#open.delete(end);
      if (!search) return;
      search.close();
      driver.remove(search);
      // A connection that was given up has a reset to send.
      driver.settle();
    });
  }

  #checkRoom(): void {
    if (this.#open.size >= MAX_OPEN)
      throw new TunnelError('ERR_LIMIT', `No more than ${MAX_OPEN} of these at a time.`, { retryable: true });
  }
}

interface TraceHost {
  readonly noted: Noted;
  settle(): void;
  traceFinished(): void;
}

/** One trace ⇄ one port to the page. */
class TraceRun implements Pollable, Drainable {
  readonly #trace: Trace;
  readonly #port: Port;
  readonly #host: TraceHost;
  readonly #hops: CoreHop[] = [];
  #isEnded = false;
  #isOver = false;

  constructor(stack: NetStack, remote: IpAddress, options: TraceOptions, port: Port, host: TraceHost) {
    this.#port = port;
    this.#host = host;
    this.#trace = new Trace(stack, remote, options, {
      hop: (hop) => {
        this.#hops.push(hop);
        host.noted.note(this);
      },
      ended: () => {
        this.#isEnded = true;
        host.noted.note(this);
      },
    });
    port.onmessage = ({ data }: MessageEvent<TraceMessage>) => {
      if (data.type !== 'close') return;
      this.close();
      host.settle();
    };
  }

  pollAt(): Instant {
    return this.#trace.pollAt();
  }

  poll(now: Instant): void {
    try {
      this.#trace.poll(now);
    } catch (error) {
      this.#post({ type: 'error', error: toPlainError(error) });
      this.close();
    }
  }

  drain(): void {
    if (this.#isOver) return;
    for (const hop of this.#hops.splice(0)) this.#post({ type: 'result', result: plainHop(hop) });
    if (!this.#isEnded) return;
    this.#post({ type: 'end' });
    this.close();
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#trace.close();
    this.#port.onmessage = null;
    this.#port.close();
    this.#host.traceFinished();
  }

  #post(message: TraceMessage): void {
    this.#port.postMessage(message);
  }
}

function plainHop({ hop, addresses, rtts, lost, reached, reason }: CoreHop): Hop {
  return { hop, addresses: addresses.map(String), rtts: [...rtts], lost, reached, ...(reason && { reason }) };
}
