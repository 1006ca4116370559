import { ByteBuffer } from './byte-buffer.ts';
import { isCloseCode, MAX_CONTROL_PAYLOAD, OPCODE, WebSocketViolation } from './frame.ts';

/** What a server said, whole. */
export interface MessageSink {
  text(text: string): void;
  binary(bytes: Uint8Array<ArrayBuffer>): void;
  ping(payload: Uint8Array<ArrayBuffer>): void;
  /** `code` is 1005 where the frame had none (RFC 6455 §7.1.5). Nothing comes after it. */
  close(code: number, reason: string): void;
}

/** RFC 6455 §7.4.1. */
const PROTOCOL_ERROR = 1002;
const INVALID_DATA = 1007;
const TOO_BIG = 1009;
const NO_STATUS = 1005;

/**
 * Reads the frames of a server, in whatever pieces they come, and joins fragments (RFC 6455 §5). Throws a
 * WebSocketViolation for what breaks a rule. Holds at most `maxMessage` bytes of a message, and one control frame.
 */
export class FrameReader {
  readonly #sink: MessageSink;
  readonly #maxMessage: number;
  /** The header so far: two bytes, and the length if it is longer. */
  readonly #header = new Uint8Array(10);
  #headerLength = 0;
  #headerWanted = 2;
  #opcode = 0;
  #isFinal = false;
  #remaining = 0;
  /** Of the message whose fragments come, its opcode; 0 between messages. */
  #messageOpcode = 0;
  readonly #message = new ByteBuffer();
  readonly #control = new ByteBuffer();
  #isOver = false;

  constructor(sink: MessageSink, maxMessage: number) {
    this.#sink = sink;
    this.#maxMessage = maxMessage;
  }

  /** Reads these bytes up to the end of a text or binary message; how many that were. After a Close frame, all: unread. */
  push(bytes: Uint8Array): number {
    let at = 0;
    while (at < bytes.length && !this.#isOver) {
      if (this.#headerLength < this.#headerWanted) {
        this.#header[this.#headerLength++] = bytes[at++]!;
        if (this.#headerLength === 2) this.#readStart();
        if (this.#headerLength === this.#headerWanted) this.#readLength();
      } else {
        const end = Math.min(bytes.length, at + this.#remaining);
        (this.#isControl ? this.#control : this.#message).append(bytes.subarray(at, end));
        this.#remaining -= end - at;
        at = end;
      }
      if (this.#headerLength === this.#headerWanted && this.#remaining === 0 && this.#endFrame()) return at;
    }
    return bytes.length;
  }

  get #isControl(): boolean {
    return this.#opcode >= 8;
  }

  #readStart(): void {
    const [first, second] = this.#header as unknown as [number, number];
    if (first & 0x70) throw violation('a reserved bit is set, but no extension was agreed on');
    if (second & 0x80) throw violation('its frames are masked');
    this.#opcode = first & 0x0f;
    this.#isFinal = (first & 0x80) !== 0;
    const length = second & 0x7f;
    this.#headerWanted = length === 126 ? 4 : length === 127 ? 10 : 2;
    if (this.#isControl) this.#checkControl(length);
    else this.#checkData();
  }

  #checkControl(length: number): void {
    if (this.#opcode > OPCODE.pong) throw violation(`there is no opcode ${this.#opcode}`);
    if (!this.#isFinal) throw violation('a control frame is in fragments');
    if (length > MAX_CONTROL_PAYLOAD) throw violation('a control frame is longer than 125 bytes');
  }

  #checkData(): void {
    const isContinuation = this.#opcode === OPCODE.continuation;
    if (this.#opcode > OPCODE.binary) throw violation(`there is no opcode ${this.#opcode}`);
    if (isContinuation && this.#messageOpcode === 0) throw violation('a continuation continues nothing');
    if (!isContinuation && this.#messageOpcode !== 0)
      throw violation('a message begins before the one before it has ended');
    if (!isContinuation) this.#messageOpcode = this.#opcode;
  }

  #readLength(): void {
    const view = new DataView(this.#header.buffer);
    const wanted = this.#headerWanted;
    const length =
      wanted === 2 ? this.#header[1]! & 0x7f : wanted === 4 ? view.getUint16(2) : longLength(view);
    if ((wanted === 4 && length < 126) || (wanted === 10 && length < 65_536))
      throw violation('a length is not written in the shortest way');
    if (!this.#isControl && this.#message.length + length > this.#maxMessage)
      throw new WebSocketViolation(
        TOO_BIG,
        `The server sent a message of more than ${this.#maxMessage} bytes.`,
      );
    this.#remaining = length;
  }

  /** Whether a text or binary message has ended with it. */
  #endFrame(): boolean {
    this.#headerLength = 0;
    this.#headerWanted = 2;
    if (this.#isControl) this.#endControl(this.#control.take());
    else if (this.#isFinal) this.#endMessage();
    return this.#isFinal && !this.#isControl;
  }

  #endMessage(): void {
    const opcode = this.#messageOpcode;
    this.#messageOpcode = 0;
    const bytes = this.#message.take();
    if (opcode === OPCODE.binary) this.#sink.binary(bytes);
    else this.#sink.text(textOf(bytes));
  }

  #endControl(payload: Uint8Array<ArrayBuffer>): void {
    if (this.#opcode === OPCODE.ping) this.#sink.ping(payload);
    if (this.#opcode === OPCODE.close) this.#endClose(payload);
  }

  #endClose(payload: Uint8Array<ArrayBuffer>): void {
    this.#isOver = true;
    if (payload.length === 0) {
      this.#sink.close(NO_STATUS, '');
      return;
    }
    if (payload.length === 1) throw violation('a Close frame has half a code');
    const code = new DataView(payload.buffer).getUint16(0);
    if (!isCloseCode(code)) throw violation(`a Close frame has the code ${code}`);
    this.#sink.close(code, textOf(payload.subarray(2)));
  }
}

function longLength(view: DataView): number {
  const high = view.getUint32(2);
  if (high > 0x7fff_ffff) throw violation('a length has its highest bit set');
  return high * 0x1_0000_0000 + view.getUint32(6);
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new WebSocketViolation(INVALID_DATA, 'The server sent text that is not UTF-8.');
  }
}

function violation(what: string): WebSocketViolation {
  return new WebSocketViolation(PROTOCOL_ERROR, `The server breaks the WebSocket protocol: ${what}.`);
}
