import { encodeFrame, OPCODE, type Opcode } from './frame.ts';

/** Bytes of a frame that are written at once: how finely `bufferedAmount` falls. */
const PIECE = 65_536;

interface Outgoing {
  opcode: Opcode;
  payload: Uint8Array | Blob;
  /** Whether its bytes leave `bufferedAmount` as the connection takes them. */
  isCounted: boolean;
}

/**
 * Writes frames, one after the other as the connection takes them: TCP's window is the only pace. A pong overtakes what
 * waits; of several only the last is sent (RFC 6455 §5.5.3), so that a flood of pings costs nothing.
 */
export class FrameWriter {
  readonly #writer: WritableStreamDefaultWriter<BufferSource>;
  readonly #taken: (bytes: number) => void;
  readonly #failed: (error: unknown) => void;
  readonly #queue: Outgoing[] = [];
  #pong: Uint8Array | undefined;
  #writing: Promise<void> | undefined;
  #isClosed = false;

  constructor(
    writable: WritableStream<BufferSource>,
    taken: (bytes: number) => void,
    failed: (error: unknown) => void,
  ) {
    this.#writer = writable.getWriter();
    this.#writer.closed.catch(() => {});
    this.#taken = taken;
    this.#failed = failed;
  }

  message(opcode: Opcode, payload: Uint8Array | Blob): void {
    this.#enqueue({ opcode, payload, isCounted: true });
  }

  pong(payload: Uint8Array): void {
    if (this.#isClosed) return;
    this.#pong = payload;
    this.#start();
  }

  /** The last frame, behind what was sent before it. */
  close(payload: Uint8Array): void {
    this.#enqueue({ opcode: OPCODE.close, payload, isCounted: false });
    this.#isClosed = true;
  }

  /** What waits is not sent any more. */
  drop(): void {
    this.#queue.length = 0;
    this.#pong = undefined;
  }

  /** Ends our direction when all is written. */
  async end(): Promise<void> {
    this.#isClosed = true;
    await this.#writing;
    await this.#writer.close();
  }

  #enqueue(frame: Outgoing): void {
    if (this.#isClosed) return;
    this.#queue.push(frame);
    this.#start();
  }

  #start(): void {
    this.#writing ??= this.#drain()
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#writing = undefined;
        if (this.#queue.length > 0 || this.#pong) this.#start();
      });
  }

  async #drain(): Promise<void> {
    try {
      for (let next = this.#next(); next; next = this.#next()) {
        await this.#write(next);
      }
    } catch (error) {
      this.#isClosed = true;
      this.drop();
      throw error;
    }
  }

  async #write({ opcode, payload, isCounted }: Outgoing): Promise<void> {
    const bytes = payload instanceof Blob ? new Uint8Array(await payload.arrayBuffer()) : payload;
    const frame = encodeFrame(opcode, bytes, crypto.getRandomValues(new Uint8Array(4)));
    const header = frame.length - bytes.length;
    for (let at = 0; at < frame.length; at += PIECE) {
      const end = Math.min(frame.length, at + PIECE);
      await this.#writer.write(frame.subarray(at, end));
      this.#taken(isCounted ? end - Math.max(at, header) : 0);
    }
  }

  #next(): Outgoing | undefined {
    const pong = this.#pong;
    this.#pong = undefined;
    return pong ? { opcode: OPCODE.pong, payload: pong, isCounted: false } : this.#queue.shift();
  }
}
