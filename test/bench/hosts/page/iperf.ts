// iperf3's client over a tunnel's TCP sockets, as much of its protocol as one stream needs: so that a page and a native
// client are measured by the same server.
import type { Tunnel } from '../../../../src/index.ts';

export interface IperfWish {
  host: string;
  /** The server sends. */
  isReverse: boolean;
  /** Seconds that do not count, and then those that do. */
  omit: number;
  seconds: number;
}

const PORT = 5201;
const COOKIE_BYTES = 37;
const BLOCK = 128 * 1024;
/** iperf3's states. */
const [TEST_START, TEST_RUNNING, TEST_END] = [1, 2, 4];
const [PARAM_EXCHANGE, CREATE_STREAMS, EXCHANGE_RESULTS, DISPLAY_RESULTS, IPERF_DONE] = [9, 10, 13, 14, 16];

interface StreamResults {
  streams: { bytes: number; start_time?: number; end_time?: number }[];
}

/** MB/s as the receiving side counts it. */
export async function iperf(tunnel: Tunnel, wish: IperfWish): Promise<number> {
  const control = await Connection.open(tunnel, wish.host);
  const cookie = makeCookie();
  await control.write(cookie);
  await control.expect(PARAM_EXCHANGE);
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
  await control.expect(CREATE_STREAMS);
  const stream = await Connection.open(tunnel, wish.host);
  await stream.write(cookie);
  await control.expect(TEST_START);
  await control.expect(TEST_RUNNING);
  const run = isReverse ? receive(stream, wish) : send(stream, wish);
  const bytes = await run.counted;
  await control.write(Uint8Array.of(TEST_END));
  await control.expect(EXCHANGE_RESULTS);
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
  await control.expect(DISPLAY_RESULTS);
  await control.write(Uint8Array.of(IPERF_DONE));
  run.stop();
  await Promise.allSettled([control.close(), stream.close()]);
  return (isReverse ? bytes : theirs.streams[0]!.bytes) / time / 1e6;
}

interface Run {
  /** Bytes of the seconds that count. */
  counted: Promise<number>;
  stop(): void;
}

function receive(stream: Connection, { omit, seconds }: IperfWish): Run {
  let bytes = 0;
  let isOver = false;
  void (async () => {
    while (!isOver) bytes += (await stream.read()).length;
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

function send(stream: Connection, { omit, seconds }: IperfWish): Run {
  const block = new Uint8Array(BLOCK);
  let bytes = 0;
  let isOver = false;
  void (async () => {
    while (!isOver) {
      await stream.write(block);
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

/** A TCP connection whose bytes are read as they are needed. */
class Connection {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<BufferSource>;
  #rest = new Uint8Array(0);

  private constructor(readable: ReadableStream<Uint8Array>, writable: WritableStream<BufferSource>) {
    this.#reader = readable.getReader();
    this.#writer = writable.getWriter();
  }

  static async open(tunnel: Tunnel, host: string): Promise<Connection> {
    const socket = new tunnel.TCPSocket(host, PORT, { noDelay: true });
    socket.closed.catch(() => {});
    const { readable, writable } = await socket.opened;
    return new Connection(readable, writable);
  }

  async write(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#writer.write(bytes);
  }

  async writeJson(value: unknown): Promise<void> {
    const text = new TextEncoder().encode(JSON.stringify(value));
    const framed = new Uint8Array(4 + text.length);
    new DataView(framed.buffer).setUint32(0, text.length);
    framed.set(text, 4);
    await this.write(framed);
  }

  /** Whatever comes next. */
  async read(): Promise<Uint8Array> {
    const { value, done } = await this.#reader.read();
    if (done) throw new Error('iperf3 closed the connection');
    return value;
  }

  async expect(state: number): Promise<void> {
    const [came] = await this.#take(1);
    if (came !== state) throw new Error(`iperf3 is in state ${came} instead of ${state}`);
  }

  async readJson<T>(): Promise<T> {
    const length = await this.#take(4);
    const text = await this.#take(new DataView(length.buffer).getUint32(0));
    return JSON.parse(new TextDecoder().decode(text)) as T;
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#reader.cancel(), this.#writer.abort()]);
  }

  async #take(count: number): Promise<Uint8Array> {
    while (this.#rest.length < count) {
      const more = await this.read();
      const all = new Uint8Array(this.#rest.length + more.length);
      all.set(this.#rest);
      all.set(more, this.#rest.length);
      this.#rest = all;
    }
    const taken = this.#rest.slice(0, count);
    this.#rest = this.#rest.slice(count);
    return taken;
  }
}

function makeCookie(): Uint8Array<ArrayBuffer> {
  const letters = 'abcdefghijklmnopqrstuvwxyz234567';
  const cookie = new Uint8Array(COOKIE_BYTES);
  for (let i = 0; i < COOKIE_BYTES - 1; i++) cookie[i] = letters.charCodeAt(Math.random() * letters.length);
  return cookie;
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
