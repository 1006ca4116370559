// A chunk of its own: a client of iperf3 3.x, one TCP stream.
import type { Tunnel } from '../../src/index.ts';
import { ByteReader } from './byte-reader.ts';
import { IPERF_PORT, jsonMessage, jsonText, makeCookie, STATE } from './iperf3-wire.ts';
import type { Load, LoadReport } from './throughput-run.ts';

const CHUNK = 64 * 1024;
type Streams = Awaited<InstanceType<Tunnel['TCPSocket']>['opened']>;

/** One test against `iperf3 -s`. Rejects with a sentence where the server does not play. */
export async function testByIperf(
  tunnel: Pick<Tunnel, 'TCPSocket'>,
  address: string,
  load: Load,
): Promise<LoadReport> {
  const { host, port } = readServer(address);
  const open = async () => {
    const socket = new tunnel.TCPSocket(host, port, { noDelay: true, signal: load.signal });
    return await socket.opened;
  };
  return await new Conversation(open, load).run();
}

/** `10.0.0.1`, `host:5201`, `[fd00::1]:5201`. */
export function readServer(address: string): { host: string; port: number } {
  const text = address.trim().replace(/^iperf3?:\/\//i, '');
  const match = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(text) ?? /^([^:/\s]+)(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? (/^[0-9a-f:.]+$/i.test(text) && text.includes(':') ? text : undefined);
  const port = Number(match?.[2] ?? IPERF_PORT);
  if (host === undefined || port < 1 || port > 65_535)
    throw new Error(
      `“${text.slice(0, 60)}” is no iperf3 server: write its address, such as 10.0.0.1 or 10.0.0.1:5201.`,
    );
  return { host, port };
}

/** The control connection, from its cookie to STATE.iperfDone. */
class Conversation {
  readonly #open: () => Promise<Streams>;
  readonly #load: Load;
  readonly #cookie = makeCookie();
  #stream: Streams | undefined;
  #received: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #bytes = 0;
  #report: LoadReport = {};

  constructor(open: () => Promise<Streams>, load: Load) {
    this.#open = open;
    this.#load = load;
  }

  async run(): Promise<LoadReport> {
    const control = await this.#open();
    const reader = new ByteReader(control.readable);
    const writer = control.writable.getWriter();
    try {
      await writer.write(this.#cookie);
      while (!(await this.#step(await reader.byte(), reader, writer)));
      return this.#report;
    } finally {
      writer.close().catch(() => {});
      reader.cancel();
      // Nobody needs what is still under way.
      this.#received?.cancel().catch(() => {});
      this.#stream?.writable.abort().catch(() => {});
    }
  }

  /** Does what the server's new state asks for; true when it was the last. */
  async #step(
    state: number,
    reader: ByteReader,
    writer: WritableStreamDefaultWriter<BufferSource>,
  ): Promise<boolean> {
    switch (state) {
      case STATE.paramExchange:
        await writer.write(jsonMessage(this.#parameters()));
        return false;
      case STATE.createStreams:
        await this.#openStream();
        return false;
      case STATE.testStart:
        return false;
      case STATE.testRunning:
        await (this.#load.direction === 'upload' ? this.#send() : this.#receive());
        await writer.write(Uint8Array.of(STATE.testEnd));
        return false;
      case STATE.exchangeResults:
        await writer.write(jsonMessage(this.#results()));
        this.#take(JSON.parse(await jsonText(reader)));
        return false;
      case STATE.displayResults:
        await writer.write(Uint8Array.of(STATE.iperfDone));
        return true;
      case STATE.accessDenied:
        throw new Error('The iperf3 server is busy with another test: try again when that is over.');
      case STATE.serverError:
      case STATE.serverTerminate:
        throw new Error('The iperf3 server ended the test: its own output says why.');
      default:
        throw new Error('What answers there is no iperf3 server: start one with iperf3 -s.');
    }
  }

  #parameters(): object {
    const { seconds, direction } = this.#load;
    return {
      tcp: true,
      omit: 0,
      // Ours is the clock that counts; the server's must not end before it.
      time: seconds,
      num: 0,
      blockcount: 0,
      parallel: 1,
      len: CHUNK,
      pacing_timer: 1000,
      client_version: '3.12',
      ...(direction === 'download' && { reverse: true }),
    };
  }

  async #openStream(): Promise<void> {
    this.#stream = await this.#open();
    const writer = this.#stream.writable.getWriter();
    await writer.write(this.#cookie);
    writer.releaseLock();
  }

  async #send(): Promise<void> {
    const { over, signal, count } = this.#load;
    const writer = this.#stream!.writable.getWriter();
    const chunk = crypto.getRandomValues(new Uint8Array(CHUNK));
    while (!over.aborted && !signal.aborted) {
      await writer.write(chunk);
      this.#bytes += CHUNK;
      count(CHUNK);
    }
    writer.releaseLock();
  }

  /** Goes on reading, uncounted, when the time is over: the server must not get stuck before it hears of it. */
  async #receive(): Promise<void> {
    const { over, count } = this.#load;
    const reader = this.#stream!.readable.getReader();
    this.#received = reader;
    const ended = new Promise<void>((resolve) => over.addEventListener('abort', () => resolve()));
    const reading = (async () => {
      for (let step = await reader.read(); !step.done; step = await reader.read()) {
        if (over.aborted) continue;
        this.#bytes += step.value.length;
        count(step.value.length);
      }
    })();
    await Promise.race([ended, reading]);
    reading.catch(() => {});
  }

  #results(): object {
    const { seconds } = this.#load;
    const stream = { id: 1, bytes: this.#bytes, retransmits: -1, jitter: 0, errors: 0, packets: 0 };
    return {
      cpu_util_total: 0,
      cpu_util_user: 0,
      cpu_util_system: 0,
      sender_has_retransmits: 0,
      streams: [{ ...stream, start_time: 0, end_time: seconds }],
    };
  }

  /** Of an upload the server knows better than we how much arrived. */
  #take(results: unknown): void {
    if (this.#load.direction === 'download') return;
    const [stream] = (results as { streams?: { bytes?: unknown; end_time?: unknown }[] }).streams ?? [];
    const { bytes, end_time: seconds } = stream ?? {};
    if (typeof bytes === 'number' && typeof seconds === 'number' && bytes > 0 && seconds > 0)
      this.#report = { arrived: { bytes, seconds } };
  }
}
