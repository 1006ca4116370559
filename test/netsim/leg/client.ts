// The client's program of the leg bench: `node --import tsx client.ts JSON`. Says "begin PHASE" and "end PHASE" on standard
// output, and at the end one line of JSON: a list of Phase.
import { setTimeout as delay } from 'node:timers/promises';
import {
  type Arrival,
  type Bulk,
  clock,
  jitterOf,
  KEY_BYTES,
  KEY_EVERY,
  type Phase,
  PORTS,
  type Progress,
  readStreamDatagram,
  type ServiceRecord,
  STREAM_EVERY,
  type StreamResult,
  writeStreamDatagram,
} from './protocol.ts';
import { type Datagrams, KernelWay, TunnelWay, type TunnelWish, type Way } from './way.ts';

export interface ClientWish {
  /** Of the services, inside. */
  host: string;
  /** Absent: through the kernel's interface. */
  tunnel?: TunnelWish;
  milliseconds: number;
}

/** Of a bulk flow, before what counts. */
const RAMP = 4000;
/** After a bulk flow: what it left in queues has passed. */
const REST = 3000;
/** After the last phase, for what is still on its way. */
const LINGER = 2000;

const CHUNK = new Uint8Array(16_384);

interface Timed {
  bulk: Bulk;
  from: number;
  to: number;
}

class Client {
  readonly #way: Way;
  readonly #milliseconds: number;
  readonly #pressed: number[] = [];
  readonly #answered: number[] = [];
  readonly #streamDown: Arrival[] = [];
  readonly #streamUp: number[] = [];
  readonly #taken: Progress = [];
  readonly #phases: Timed[] = [];

  constructor(way: Way, milliseconds: number) {
    this.#way = way;
    this.#milliseconds = milliseconds;
  }

  async run(): Promise<Phase[]> {
    const stopTyping = await this.#type();
    const datagrams = await this.#way.datagrams(PORTS.stream, (datagram) => {
      this.#streamDown.push(readStreamDatagram(datagram));
    });
    const streaming = this.#stream(datagrams);
    await delay(1000);
    await this.#phase('none', 0, async () => async () => {});
    await this.#phase('down', RAMP, () => this.#download());
    await this.#phase('up', RAMP, () => this.#upload());
    await delay(LINGER);
    stopTyping();
    clearInterval(streaming);
    return this.#results(await this.#fetchRecord());
  }

  async #phase(bulk: Bulk, ramp: number, start: () => Promise<() => Promise<void>>): Promise<void> {
    const stop = await start();
    await delay(ramp);
    console.log(`begin ${bulk}`);
    const from = clock();
    await delay(this.#milliseconds);
    this.#phases.push({ bulk, from, to: clock() });
    console.log(`end ${bulk}`);
    await stop();
    await delay(REST);
  }

  /** Presses a key again and again, without waiting for the echo of the one before. */
  async #type(): Promise<() => void> {
    const { readable, writable } = await this.#way.connect(PORTS.echo);
    let echoed = 0;
    void readable.pipeTo(
      new WritableStream({
        write: ({ length }) => {
          echoed += length;
          while (this.#answered.length < Math.floor(echoed / KEY_BYTES)) this.#answered.push(clock());
        },
      }),
    );
    const writer = writable.getWriter();
    const typing = setInterval(() => {
      this.#pressed.push(clock());
      void writer.write(new Uint8Array(KEY_BYTES));
    }, KEY_EVERY);
    return () => clearInterval(typing);
  }

  #stream(datagrams: Datagrams): NodeJS.Timeout {
    return setInterval(() => {
      this.#streamUp.push(clock());
      datagrams.send(writeStreamDatagram(this.#streamUp.length - 1));
    }, STREAM_EVERY);
  }

  async #download(): Promise<() => Promise<void>> {
    const { readable, abort } = await this.#way.connect(PORTS.source);
    let bytes = 0;
    readable
      .pipeTo(
        new WritableStream({ write: ({ length }) => void this.#taken.push([clock(), (bytes += length)]) }),
      )
      .catch(() => {});
    return abort;
  }

  async #upload(): Promise<() => Promise<void>> {
    const { writable, abort } = await this.#way.connect(PORTS.sink);
    let isOver = false;
    const writer = writable.getWriter();
    const fill = async (): Promise<void> => {
      while (!isOver) await writer.write(CHUNK.slice());
    };
    fill().catch(() => {});
    return async () => {
      isOver = true;
      await abort();
    };
  }

  async #fetchRecord(): Promise<ServiceRecord> {
    const { readable } = await this.#way.connect(PORTS.record);
    return (await new Response(readable as ReadableStream<Uint8Array<ArrayBuffer>>).json()) as ServiceRecord;
  }

  #results({ stream, sink }: ServiceRecord): Phase[] {
    return this.#phases.map(({ bulk, from, to }) => {
      const within = (at: number): boolean => at >= from && at < to;
      const typed = [...this.#pressed.keys()].filter((i) => within(this.#pressed[i]!));
      const answered = typed.filter((i) => i < this.#answered.length);
      const progress = bulk === 'down' ? this.#taken : sink;
      return {
        bulk,
        goodput:
          bulk === 'none' ? 0 : ((bytesAt(progress, to) - bytesAt(progress, from)) * 1000) / (to - from),
        keystrokes: answered.map((i) => this.#answered[i]! - this.#pressed[i]!),
        unanswered: typed.length - answered.length,
        // The services send as often as we do, but do not say when: numbers tell.
        down: streamResult(this.#streamDown, within),
        up: streamResult(stream, within, this.#streamUp.filter(within).length),
      };
    });
  }
}

function span(arrivals: readonly Arrival[]): number {
  const numbers = arrivals.map(({ number }) => number);
  return numbers.length === 0 ? 0 : Math.max(...numbers) - Math.min(...numbers) + 1;
}

function streamResult(
  all: readonly Arrival[],
  within: (left: number) => boolean,
  sent?: number,
): StreamResult {
  const arrivals = all.filter(({ left }) => within(left));
  return {
    sent: sent ?? span(arrivals),
    delays: arrivals.map(({ delay }) => rounded(delay)),
    jitter: jitterOf(arrivals),
    before: all.findIndex(({ left }) => within(left)),
    left: arrivals.map(({ left }) => rounded(left)),
  };
}

function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 100) / 100;
}

function bytesAt(progress: Progress, at: number): number {
  const before = progress.filter(([time]) => time <= at);
  return before.at(-1)?.[1] ?? 0;
}

const wish = JSON.parse(process.argv[2]!) as ClientWish;
const way = wish.tunnel ? await TunnelWay.open(wish.tunnel, wish.host) : new KernelWay(wish.host);
console.log(JSON.stringify(await new Client(way, wish.milliseconds).run()));
process.exit(0);
