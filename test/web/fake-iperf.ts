/** A server of iperf3's protocol in memory, of either mood, that notes what it is told. */

const CHUNK = 50_000;
const COOKIE_BYTES = 37;

interface Pair {
  readable: ReadableStream<Uint8Array>;
  writable: WritableStream<Uint8Array>;
}

function pipes(): { near: Pair; far: Pair } {
  const up = new TransformStream<Uint8Array, Uint8Array>();
  const down = new TransformStream<Uint8Array, Uint8Array>();
  return {
    near: { readable: down.readable, writable: up.writable },
    far: { readable: up.readable, writable: down.writable },
  };
}

export class FakeIperf {
  readonly calls: string[] = [];
  readonly cookies: string[] = [];
  readonly heard: string[] = [];
  parameters: unknown;
  results: unknown;
  received = 0;
  readonly #mood: 'willing' | 'busy' | 'error' | 'stranger' | 'silent';
  #streamOpened = () => {};
  #stream: Pair | undefined;

  constructor(mood: 'willing' | 'busy' | 'error' | 'stranger' | 'silent' = 'willing') {
    this.#mood = mood;
  }

  /** What stands for `tunnel.TCPSocket`. */
  readonly Socket = (() => {
    const server = this;
    return class {
      readonly opened: Promise<Pair>;

      constructor(host: string, port: number) {
        server.calls.push(`${host} ${port}`);
        const { near, far } = pipes();
        if (server.calls.length === 1) void server.#converse(far).catch(() => {});
        else void server.#acceptStream(far);
        this.opened = Promise.resolve(near);
      }
    };
  })();

  async #acceptStream({ readable, writable }: Pair): Promise<void> {
    const reader = readable.getReader();
    this.cookies.push(textOf((await reader.read()).value!));
    reader.releaseLock();
    this.#stream = { readable, writable };
    this.#streamOpened();
  }

  async #converse({ readable, writable }: Pair): Promise<void> {
    const reader = readable.getReader();
    const writer = writable.getWriter();
    const next = async () => (await reader.read()).value!;
    const say = (state: number) => writer.write(Uint8Array.of(state));
    this.cookies.push(textOf(await next()).slice(0, COOKIE_BYTES));
    if (this.#mood === 'silent') return writer.close();
    if (this.#mood !== 'willing') return say({ busy: 255, error: 254, stranger: 72 }[this.#mood]);
    await say(9);
    this.parameters = jsonOf(await next());
    const opened = new Promise<void>((resolve) => (this.#streamOpened = resolve));
    await say(10);
    await opened;
    await say(1);
    await say(2);
    const isReverse = (this.parameters as { reverse?: boolean }).reverse ?? false;
    void (isReverse ? this.#send() : this.#receive()).catch(() => {});
    this.heard.push((await next())[0] === 4 ? 'TEST_END' : '?');
    await say(13);
    this.results = jsonOf(await next());
    this.heard.push('results');
    const results = new TextEncoder().encode(
      '{"streams":[{"id":1,"bytes":123456,"start_time":0,"end_time":2}]}',
    );
    // In crumbs, as a stream may bring it.
    await writer.write(Uint8Array.of(0, 0));
    await writer.write(Uint8Array.of(0, results.length, ...results.subarray(0, 5)));
    await writer.write(results.subarray(5));
    await say(14);
    this.heard.push((await next())[0] === 16 ? 'IPERF_DONE' : '?');
  }

  async #send(): Promise<void> {
    const writer = this.#stream!.writable.getWriter();
    for (;;) await writer.write(new Uint8Array(CHUNK));
  }

  async #receive(): Promise<void> {
    const reader = this.#stream!.readable.getReader();
    for (let step = await reader.read(); !step.done; step = await reader.read())
      this.received += step.value.length;
  }
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function jsonOf(message: Uint8Array): unknown {
  const { buffer, byteOffset, length } = message;
  const size = new DataView(buffer, byteOffset).getUint32(0);
  if (size !== length - 4) throw new Error('The length is not that of the message.');
  return JSON.parse(textOf(message.subarray(4)));
}
