import type { Dialed, Dialer } from '../dialer.ts';
import { tunnelErrorOf } from '../errors.ts';
import { destinationOf } from './address.ts';
import { closePayload, isCloseCode, type Opcode, WebSocketViolation } from './frame.ts';
import { FrameReader } from './frame-reader.ts';
import { FrameWriter } from './frame-writer.ts';
import {
  acceptOf,
  base64,
  endOfAnswer,
  isInformational,
  MAX_ANSWER,
  protocolAgreed,
  requestText,
} from './handshake.ts';
import { nextTask } from './next-task.ts';

/** Bounds of a WebSocket; times in milliseconds. */
export interface WebSocketLimits {
  /** Bytes of a message that is received; more fails the connection with 1009. */
  maxMessage: number;
  /** For the connection and the server's answer to it. */
  openTimeout: number;
  /** For the other side's Close frame, and then for its end of the connection. */
  closeTimeout: number;
}

export const DEFAULT_LIMITS: WebSocketLimits = {
  maxMessage: 64 * 1024 * 1024,
  openTimeout: 60_000,
  closeTimeout: 5_000,
};

/** Who wants to know. `ended` comes last, once; `error` is there where the connection failed. */
export interface ConnectionObserver {
  opened(protocol: string): void;
  text(text: string): void;
  binary(bytes: Uint8Array<ArrayBuffer>): void;
  /** The server's Close frame came. */
  closing(): void;
  taken(bytes: number): void;
  ended(end: { wasClean: boolean; code: number; reason: string; error?: unknown }): void;
}

export interface Opening {
  dialer: Pick<Dialer, 'dial'>;
  url: URL;
  protocols: readonly string[];
  origin: string | undefined;
  limits: WebSocketLimits | undefined;
}

const ABNORMAL = 1006;

/** One WebSocket connection, from the TCP connection to its end (RFC 6455 §4, §5.5.1, §7). */
export class WebSocketConnection {
  readonly #observer: ConnectionObserver;
  readonly #limits: WebSocketLimits;
  readonly #attempt = new AbortController();
  #dialed: Dialed | undefined;
  #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | undefined;
  #writer: FrameWriter | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isCloseSent = false;
  #received: { code: number; reason: string } | undefined;
  /** The task after that of the last event: nothing more is read before it. */
  #heard: Promise<void> | undefined;
  /** Until what was read has been told. */
  #taking = Promise.resolve();
  #isOver = false;

  constructor(opening: Opening, observer: ConnectionObserver) {
    this.#observer = observer;
    this.#limits = opening.limits ?? DEFAULT_LIMITS;
    void this.#run(opening);
  }

  send(opcode: Opcode, payload: Uint8Array | Blob): void {
    this.#writer?.message(opcode, payload);
  }

  /** Begins the closing handshake; before the connection is open, gives it up. */
  close(code: number | undefined, reason: Uint8Array): void {
    if (!this.#writer) {
      this.#end(new Error('The WebSocket was closed before it was open.'));
      return;
    }
    this.#sendClose(closePayload(code, reason));
  }

  #ping(payload: Uint8Array): void {
    if (!this.#isCloseSent) this.#writer?.pong(payload);
  }

  #closeReceived(code: number, reason: string): void {
    this.#received = { code, reason };
    this.#observer.closing();
    this.#sendClose(closePayload(isCloseCode(code) ? code : undefined, new Uint8Array(0)));
    this.#expect(this.#limits.closeTimeout);
  }

  async #run(opening: Opening): Promise<void> {
    this.#expect(this.#limits.openTimeout, 'The server did not open the WebSocket in time.');
    try {
      const rest = await this.#open(opening);
      const reader = new FrameReader(
        {
          text: (text) => this.#tell(() => this.#observer.text(text)),
          binary: (bytes) => this.#tell(() => this.#observer.binary(bytes)),
          ping: (payload) => this.#ping(payload),
          close: (code, reason) => this.#closeReceived(code, reason),
        },
        this.#limits.maxMessage,
      );
      await this.#take(reader, rest);
      await this.#read(reader);
    } catch (error) {
      if (error instanceof WebSocketViolation) await this.#refuse(error);
      this.#end(error);
    }
  }

  async #open({ dialer, url, protocols, origin }: Opening): Promise<Uint8Array> {
    const destination = destinationOf(url);
    const secure =
      url.protocol === 'wss:' ? { serverName: destination.hostname, alpn: ['http/1.1'] } : undefined;
    const { signal } = this.#attempt;
    this.#dialed = await dialer.dial(destination, { secure, signal, noDelay: true });
    if (this.#isOver) throw signal.reason;
    this.#reader = this.#dialed.readable.getReader();
    const key = base64(crypto.getRandomValues(new Uint8Array(16)));
    const request = requestText({ url, key, protocols, origin });
    const writer = this.#dialed.writable.getWriter();
    await writer.write(new TextEncoder().encode(request));
    writer.releaseLock();
    const { answer, rest } = await this.#answer();
    const protocol = protocolAgreed(answer, await acceptOf(key), protocols);
    if (this.#isOver) throw signal.reason;
    this.#stopWaiting();
    this.#writer = new FrameWriter(
      this.#dialed.writable,
      (bytes) => this.#taken(bytes),
      (error) => this.#writeFailed(error),
    );
    this.#tell(() => this.#observer.opened(protocol));
    return rest;
  }

  /** Informational answers before it are nothing to us (RFC 9110 §15.2). */
  async #answer(): Promise<{ answer: Uint8Array; rest: Uint8Array }> {
    let bytes = new Uint8Array(0);
    let start = 0;
    for (;;) {
      const end = endOfAnswer(bytes.subarray(start, MAX_ANSWER));
      const answer = bytes.subarray(start, start + end);
      if (end !== -1 && !isInformational(answer)) return { answer, rest: bytes.subarray(start + end) };
      if (end !== -1) {
        start += end;
        continue;
      }
      if (bytes.length >= MAX_ANSWER)
        throw new Error(`The server's answer has more than ${MAX_ANSWER} bytes of headers.`);
      const { done, value } = await this.#reader!.read();
      if (done) throw new Error('The server ended the connection instead of opening a WebSocket.');
      const more = new Uint8Array(bytes.length + value.length);
      more.set(bytes);
      more.set(value, bytes.length);
      bytes = more;
    }
  }

  async #read(frames: FrameReader): Promise<void> {
    while (!this.#isOver) {
      const { done, value } = await this.#reader!.read();
      if (done) return this.#end();
      await this.#take(frames, value);
    }
  }

  #take(frames: FrameReader, bytes: Uint8Array): Promise<void> {
    return (this.#taking = this.#tellAll(frames, bytes));
  }

  async #tellAll(frames: FrameReader, bytes: Uint8Array): Promise<void> {
    await this.#heard;
    for (let at = 0; at < bytes.length && !this.#isOver; ) {
      at += frames.push(bytes.subarray(at));
      await this.#heard;
    }
  }

  /** What came before counts: perhaps the server's Close frame is in it. */
  #writeFailed(error: unknown): void {
    const end = () => this.#end(error);
    this.#taking.then(end, end);
  }

  #tell(event: () => void): void {
    this.#heard = nextTask();
    event();
  }

  /** A long message before the Close frame may take its time, as long as it moves. */
  #taken(bytes: number): void {
    this.#observer.taken(bytes);
    if (this.#isCloseSent && !this.#isOver) this.#expect(this.#limits.closeTimeout);
  }

  #sendClose(payload: Uint8Array): void {
    if (this.#isCloseSent) return;
    this.#isCloseSent = true;
    this.#writer!.close(payload);
    this.#expect(this.#limits.closeTimeout);
  }

  /** Says why, if that still can be said, before the connection is ended (§7.1.7). */
  async #refuse({ code, message }: WebSocketViolation): Promise<void> {
    if (!this.#writer || this.#isOver) return;
    this.#observer.closing();
    this.#writer.drop();
    if (!this.#isCloseSent) this.#sendClose(closePayload(code, new TextEncoder().encode(message)));
    const isWritten = this.#writer.end().catch(() => {});
    await Promise.race([isWritten, aborted(this.#attempt.signal)]);
  }

  /** Whatever is awaited now must come within `timeout`. */
  #expect(timeout: number, otherwise?: string): void {
    this.#stopWaiting();
    this.#timer = setTimeout(() => {
      this.#dialed?.reset(new Error(otherwise ?? 'The server did not close the WebSocket in time.'));
      this.#end(otherwise === undefined ? undefined : new Error(otherwise));
    }, timeout);
  }

  #stopWaiting(): void {
    clearTimeout(this.#timer);
  }

  /** The connection is over; with an error, because it failed. */
  #end(failure?: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stopWaiting();
    this.#attempt.abort(failure);
    const isBroken = failure !== undefined && !(failure instanceof WebSocketViolation);
    if (this.#writer && !isBroken) this.#writer.end().catch(() => {});
    if (isBroken) this.#dialed?.reset(failure);
    this.#reader?.cancel().catch(() => {});
    const { code, reason } = this.#received ?? { code: ABNORMAL, reason: '' };
    const wasClean = this.#received !== undefined && this.#isCloseSent;
    const error = failure === undefined || this.#received ? {} : { error: tunnelErrorOf(failure) ?? failure };
    this.#observer.ended({ wasClean, code, reason, ...error });
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
