// iperf3's client over a tunnel's TCP sockets, as much of its protocol as one stream needs: so that a page and a native
// client are measured by the same server.
import type { Tunnel } from '../../../../src/index.ts';
import { ByteReader } from '../../../../web/throughput/byte-reader.ts';
import {
  IPERF_PORT,
  jsonMessage,
  jsonText,
  makeCookie,
  STATE,
} from '../../../../web/throughput/iperf3-wire.ts';

export interface IperfWish {
  host: string;
  /** The server sends. */
  isReverse: boolean;
  /** Seconds that do not count, and then those that do. */
  omit: number;
  seconds: number;
}

const BLOCK = 128 * 1024;

interface StreamResults {
  streams: { bytes: number; start_time?: number; end_time?: number }[];
}

/** MB/s as the receiving side counts it. */
export async function iperf(tunnel: Tunnel, wish: IperfWish): Promise<number> {
  const control = new Control(await connect(tunnel, wish.host));
  const cookie = makeCookie();
  await control.write(cookie);
  await control.expect(STATE.paramExchange);
  const { omit, seconds: time, isReverse } = wish;
  await control.writeJson({
    tcp: true,
    omit,
    time,
    parallel: 1,
    len: BLOCK,
    client_version: '3.12',
    ...(isReverse && { reverse: true }),
  });
  await control.expect(STATE.createStreams);
  const stream = await connect(tunnel, wish.host);
  const writer = stream.writable.getWriter();
  await writer.write(cookie);
  await control.expect(STATE.testStart);
  await control.expect(STATE.testRunning);
  const run = isReverse ? receive(stream.readable.getReader(), wish) : send(writer, wish);
  const bytes = await run.counted;
  await control.write(Uint8Array.of(STATE.testEnd));
  await control.expect(STATE.exchangeResults);
  await control.writeJson({
    cpu_util_total: 0,
    cpu_util_user: 0,
    cpu_util_system: 0,
    sender_has_retransmits: -1,
    streams: [
      { id: 1, bytes, retransmits: -1, jitter: 0, errors: 0, packets: 0, start_time: 0, end_time: time },
    ],
  });
  const theirs = await control.readJson<StreamResults>();
  await control.expect(STATE.displayResults);
  await control.write(Uint8Array.of(STATE.iperfDone));
  run.stop();
  await Promise.allSettled([control.close(), writer.abort()]);
  return (isReverse ? bytes : theirs.streams[0]!.bytes) / time / 1e6;
}

interface Run {
  /** Bytes of the seconds that count. */
  counted: Promise<number>;
  stop(): void;
}

function receive(reader: ReadableStreamDefaultReader<Uint8Array>, { omit, seconds }: IperfWish): Run {
  let bytes = 0;
  let isOver = false;
  void (async () => {
    for (let step = await reader.read(); !step.done && !isOver; step = await reader.read())
      bytes += step.value.length;
    await reader.cancel();
  })().catch(() => {});
  return {
    counted: (async () => {
      await sleep(omit * 1000);
      const before = bytes;
      await sleep(seconds * 1000);
      return bytes - before;
    })(),
    stop: () => {
      isOver = true;
    },
  };
}

function send(writer: WritableStreamDefaultWriter<BufferSource>, { omit, seconds }: IperfWish): Run {
  const block = new Uint8Array(BLOCK);
  let bytes = 0;
  let isOver = false;
  void (async () => {
    while (!isOver) {
      await writer.write(block);
      bytes += BLOCK;
    }
  })().catch(() => {});
  return {
    counted: sleep((omit + seconds) * 1000).then(() => {
      isOver = true;
      return bytes;
    }),
    stop: () => {},
  };
}

type Streams = Awaited<InstanceType<Tunnel['TCPSocket']>['opened']>;

async function connect(tunnel: Tunnel, host: string): Promise<Streams> {
  const socket = new tunnel.TCPSocket(host, IPERF_PORT, { noDelay: true });
  socket.closed.catch(() => {});
  return await socket.opened;
}

/** The control connection. */
class Control {
  readonly #reader: ByteReader;
  readonly #writer: WritableStreamDefaultWriter<BufferSource>;

  constructor({ readable, writable }: Streams) {
    this.#reader = new ByteReader(readable);
    this.#writer = writable.getWriter();
  }

  async write(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#writer.write(bytes);
  }

  async writeJson(value: object): Promise<void> {
    await this.write(jsonMessage(value));
  }

  async expect(state: number): Promise<void> {
    const came = await this.#reader.byte();
    if (came !== state) throw new Error(`iperf3 is in state ${came} instead of ${state}`);
  }

  async readJson<T>(): Promise<T> {
    return JSON.parse(await jsonText(this.#reader)) as T;
  }

  async close(): Promise<void> {
    this.#reader.cancel();
    await this.#writer.abort();
  }
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
