import type { Clock } from '../../src/core/clock.ts';
import type { Endpoint } from '../../src/core/endpoint.ts';
import type { PacketBuffer } from '../../src/core/packet-buffer.ts';
import type { DatagramReceiver, TransportState } from '../../src/core/transport.ts';
import {
  CONTROL_CHANNEL,
  type Control,
  MAX_MESSAGE,
  PING,
  PONG,
  RecordReader,
  RecordWriter,
  readControl,
  writeControl,
} from '../../src/core/wire/relay.ts';
import type { RelayTransportHost, WebSocketLike } from '../../src/transport/relay-transport.ts';

/** Time that passes when a test says so, with timers. */
export class FakeTime implements Clock {
  #now = 1000;
  #timers: { at: number; run: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  wakeAt(): void {}

  setTimer(run: () => void, delay: number): unknown {
    const timer = { at: this.#now + delay, run };
    this.#timers.push(timer);
    return timer;
  }

  clearTimer(timer: unknown): void {
    this.#timers = this.#timers.filter((each) => each !== timer);
  }

  get pendingTimers(): number {
    return this.#timers.length;
  }

  /** Jumps without running timers on the way, as when a page was frozen; then they all run late. */
  freeze(ms: number): void {
    this.#now += ms;
    this.advance(0);
  }

  /** Jumps; timers go on to wait for what they had left, as a monotonic clock that stood still makes them. */
  sleep(ms: number): void {
    this.#now += ms;
    for (const timer of this.#timers) timer.at += ms;
  }

  advance(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#now = Math.max(this.#now, next.at);
      this.clearTimer(next);
      next.run();
    }
    this.#now = until;
  }
}

export class FakeWebSocket implements WebSocketLike {
  readonly url: string;
  readonly protocols: string[];
  readonly sent: Buffer[] = [];
  binaryType = 'blob';
  protocol = '';
  /** Whether what is sent stays in `bufferedAmount` until the test drains it. */
  isSlow = false;
  /** Of what was sent, what `bufferedAmount` never loses although it has left. */
  forgotten = 0;
  closedWith: number | undefined;
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: { data: unknown } & never) => void) | null = null;
  onclose: ((event: { code: number; reason: string } & never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  #buffered = 0;
  #taken = 0;
  /** Marks of the uplink, each with how much was sent up to its end. */
  readonly #marks: { nonce: Uint8Array; end: number }[] = [];

  constructor(url: string, protocols: string[]) {
    this.url = url;
    this.protocols = protocols;
  }

  get bufferedAmount(): number {
    return this.#buffered + this.forgotten;
  }

  /** What has drained has arrived: the relay answers the marks in it. */
  set bufferedAmount(bytes: number) {
    this.#buffered = bytes;
    while (this.#marks.length > 0 && this.#marks[0]!.end <= this.#taken - bytes)
      this.control({ type: PONG, nonce: this.#marks.shift()!.nonce, queuedBytes: 0 });
  }

  send(data: Uint8Array): void {
    this.sent.push(Buffer.from(data));
    this.#taken += data.length;
    const reader = new RecordReader();
    reader.begin(data);
    while (reader.next()) {
      if (reader.channel !== CONTROL_CHANNEL) continue;
      const control = readControl(data, reader.start, reader.end);
      if (control?.type === PING && control.nonce[3] !== 0)
        this.#marks.push({ nonce: control.nonce, end: this.#taken });
    }
    this.bufferedAmount = this.isSlow ? this.#buffered + data.length : 0;
  }

  close(code?: number): void {
    this.closedWith = code ?? 1005;
  }

  // ---- what the other side does

  open(): void {
    this.onopen?.(undefined as never);
  }

  fail(code = 1006, reason = ''): void {
    this.onclose?.({ code, reason } as never);
  }

  deliver(...records: (readonly [channel: number, body: Uint8Array])[]): void {
    const writer = new RecordWriter(new Uint8Array(MAX_MESSAGE));
    for (const [channel, body] of records) writer.append(channel, body);
    this.deliverRaw(writer.bytes.slice(0, writer.end).buffer);
  }

  deliverRaw(data: unknown): void {
    this.onmessage?.({ data } as never);
  }

  control(control: Control): void {
    this.deliver([CONTROL_CHANNEL, writeControl(control)]);
  }

  /** All records sent, each as its control or its datagram. */
  records(): { channel: number; control?: Control; body: Buffer }[] {
    return this.sent.flatMap((message) => {
      const reader = new RecordReader();
      reader.begin(message);
      const list: { channel: number; control?: Control; body: Buffer }[] = [];
      while (reader.next()) {
        const body = message.subarray(reader.start, reader.end);
        const control = reader.channel === CONTROL_CHANNEL ? readControl(body) : undefined;
        list.push({ channel: reader.channel, body, ...(control?.type && { control: control as Control }) });
      }
      if (reader.malformed) throw new Error('the transport sent a malformed message');
      return list;
    });
  }

  datagrams(): Buffer[] {
    return this.records()
      .filter(({ channel }) => channel !== CONTROL_CHANNEL)
      .map(({ body }) => body);
  }

  controls<Type extends Control['type']>(type: Type): Extract<Control, { type: Type }>[] {
    return this.records().flatMap(({ control }) =>
      control?.type === type ? [control as Extract<Control, { type: Type }>] : [],
    );
  }
}

/** A platform whose network is the test. */
export class FakeHost implements RelayTransportHost {
  readonly time = new FakeTime();
  readonly sockets: FakeWebSocket[] = [];
  readonly origin = 'https://console.example';
  /** What `random` says; 1 would be out of range. */
  dice = 0.5;
  answer: (url: string, mode: RequestMode) => Promise<Response> = () =>
    Promise.reject(new TypeError('failed'));
  refuseToConnect: Error | undefined;

  readonly connect = (url: string, protocols: string[]) => {
    if (this.refuseToConnect !== undefined) throw this.refuseToConnect;
    const socket = new FakeWebSocket(url, protocols);
    this.sockets.push(socket);
    return socket;
  };
  readonly fetch = ((url: URL, init: RequestInit) =>
    this.answer(String(url), init.mode!)) as unknown as typeof fetch;
  readonly setTimer = (run: () => void, delay: number) => this.time.setTimer(run, delay);
  readonly clearTimer = (timer: unknown) => this.time.clearTimer(timer);
  readonly random = () => this.dice;

  /** The newest connection. */
  get socket(): FakeWebSocket {
    return this.sockets.at(-1)!;
  }
}

/** Notes everything that a transport tells. */
export class RecordingReceiver implements DatagramReceiver {
  readonly events: string[] = [];
  readonly received: { bytes: Buffer; from: Endpoint }[] = [];
  readonly states: TransportState[] = [];

  receiveDatagram(datagram: PacketBuffer, from: Endpoint): void {
    this.events.push('datagram');
    this.received.push({ bytes: Buffer.from(datagram.memory.slice(datagram.start, datagram.end)), from });
  }
  endBatch(): void {
    this.events.push('end');
  }
  reconnected(): void {
    this.events.push('reconnected');
  }
  handshakeNeeded(endpoint: Endpoint): void {
    this.events.push(`handshake ${endpoint.host}`);
  }
  uncongested(): void {
    this.events.push('uncongested');
  }
  transportState(state: TransportState): void {
    this.states.push(state);
  }

  get state(): TransportState {
    return this.states.at(-1)!;
  }
}
