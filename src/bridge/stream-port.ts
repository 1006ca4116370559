// A two-way byte stream over a channel, with credit. The only way bytes cross the thread: transferring a
// ReadableStream fails in WebKit and clones every chunk elsewhere; transferring ArrayBuffers of 64 KiB does not.
//
// Each side may send `data` only as far as the other side has given it credit, in bytes. Credit is given for what the
// receiver can really take: the page's reader, or TCP's send buffer. `end` is a half-close, `error` ends both ways.

import type { Port } from './channel.ts';
import type { PlainError } from './errors.ts';

export type StreamMessage =
  | { type: 'data'; bytes: Uint8Array }
  | { type: 'credit'; bytes: number }
  | { type: 'end' }
  /** The reader wants no more: what still comes is thrown away. */
  | { type: 'stop' }
  | { type: 'error'; error: PlainError }
  /** The socket is over: what is not delivered is dropped, and the connection reset if it still lives. */
  | { type: 'abort' };

/** Chunks are cut to this size: large enough to cost nothing per byte, small enough to keep latency low. */
export const CHUNK_BYTES = 64 * 1024;

/** One end of the stream: posts messages, keeps both credits, tells its owner what arrived. */
export class StreamPort {
  readonly #port: Port;
  /** Bytes we may still send. */
  #credit = 0;
  #mostCredit = 0;
  #closed = false;

  constructor(port: Port, receive: (message: StreamMessage) => void) {
    this.#port = port;
    port.onmessage = ({ data }: MessageEvent<StreamMessage>) => {
      if (this.#closed) return;
      if (data.type === 'credit') this.#receiveCredit(data.bytes);
      receive(data);
    };
  }

  get credit(): number {
    return this.#credit;
  }

  /** Bytes that we sent, and that the other side has not made room for again. */
  get unread(): number {
    return this.#mostCredit - this.#credit;
  }

  #receiveCredit(bytes: number): void {
    this.#credit += bytes;
    this.#mostCredit = Math.max(this.#mostCredit, this.#credit);
  }

  /** Transfers the chunk, which must own its whole buffer, and spends credit for it. */
  sendData(bytes: Uint8Array<ArrayBuffer>): void {
    this.#credit -= bytes.length;
    this.#post({ type: 'data', bytes }, [bytes.buffer]);
  }

  giveCredit(bytes: number): void {
    if (bytes > 0) this.#post({ type: 'credit', bytes });
  }

  sendEnd(): void {
    this.#post({ type: 'end' });
  }

  sendStop(): void {
    this.#post({ type: 'stop' });
  }

  sendError(error: PlainError): void {
    this.#post({ type: 'error', error });
  }

  sendAbort(): void {
    this.#post({ type: 'abort' });
  }

  /** No message goes or comes after this. */
  close(): void {
    this.#closed = true;
    this.#port.onmessage = null;
    this.#port.close();
  }

  #post(message: StreamMessage, transfer: Transferable[] = []): void {
    if (!this.#closed) this.#port.postMessage(message, transfer);
  }
}
