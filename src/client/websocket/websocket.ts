import type { Dialer } from '../dialer.ts';
import { bytesOf, defineInterface, toUnsignedShort } from '../web-idl.ts';
import { protocolsOf, syntaxError, webSocketUrl } from './address.ts';
import type { ConnectionObserver, Opening, WebSocketConnection, WebSocketLimits } from './connection.ts';
import {
  closeEvent,
  EventHandlers,
  type Handler,
  WebSocketErrorEvent,
  type WebSocketEvents,
} from './events.ts';
import { MAX_CONTROL_PAYLOAD, OPCODE, type Opcode } from './frame.ts';
import { nextTask } from './next-task.ts';

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;

/** A Close frame's reason, beside the two bytes of its code. */
const MAX_REASON = MAX_CONTROL_PAYLOAD - 2;

/**
 * The WebSocket standard's interface, with the connection through the tunnel. No extensions are offered. Of the `error`
 * event, `error` says why. Made by `new tunnel.WebSocket(url, protocols)`.
 */
export class WebSocket extends EventTarget {
  static {
    defineInterface(WebSocket, 'WebSocket', 1, []);
  }

  /** Not open yet. */
  static readonly CONNECTING = CONNECTING;
  /** Messages go both ways. */
  static readonly OPEN = OPEN;
  /** The closing handshake is under way. */
  static readonly CLOSING = CLOSING;
  /** It is over, or was never open. */
  static readonly CLOSED = CLOSED;
  /** Not open yet. */
  readonly CONNECTING = CONNECTING;
  /** Messages go both ways. */
  readonly OPEN = OPEN;
  /** The closing handshake is under way. */
  readonly CLOSING = CLOSING;
  /** It is over, or was never open. */
  readonly CLOSED = CLOSED;
  /** As it was parsed, with `ws:` for `http:`. */
  readonly url: string;
  #connection: WebSocketConnection | undefined;
  /** What `close` said before there was a connection. */
  #closedEarly: Parameters<WebSocketConnection['close']> | undefined;
  readonly #handlers = new EventHandlers(this);
  #readyState: 0 | 1 | 2 | 3 = CONNECTING;
  #protocol = '';
  #bufferedAmount = 0;
  #binaryType: BinaryType = 'blob';

  /** @internal Use `new tunnel.WebSocket(url, protocols)`. */
  constructor(
    dialer: Pick<Dialer, 'dial'>,
    url: string | URL,
    protocols?: string | readonly string[],
    limits?: WebSocketLimits,
  ) {
    super();
    const parsed = webSocketUrl(String(url), globalThis.document?.baseURI);
    const offered = protocolsOf(protocols);
    this.url = parsed.href;
    const origin = globalThis.document ? globalThis.origin : undefined;
    void this.#connect({ dialer, url: parsed, protocols: offered, origin, limits });
  }

  /** RFC 6455 is loaded with the first WebSocket: a page that has none does without. */
  async #connect(opening: Opening): Promise<void> {
    const observer = this.#observer();
    try {
      const { WebSocketConnection } = await import('./connection.ts');
      this.#connection = new WebSocketConnection(opening, observer);
      if (this.#closedEarly) this.#connection.close(...this.#closedEarly);
    } catch (error) {
      observer.ended({ wasClean: false, code: 1006, reason: '', error });
    }
  }

  /** CONNECTING, OPEN, CLOSING or CLOSED. */
  get readyState(): 0 | 1 | 2 | 3 {
    return this.#readyState;
  }

  /** The subprotocol that the server chose. */
  get protocol(): string {
    return this.#protocol;
  }

  /** Always empty: none is offered. */
  get extensions(): string {
    return '';
  }

  /** Bytes given to `send` that the connection has not taken yet. */
  get bufferedAmount(): number {
    return this.#bufferedAmount;
  }

  /** How bytes come in: as Blobs, unless it is set to `arraybuffer`. */
  get binaryType(): BinaryType {
    return this.#binaryType;
  }

  set binaryType(type: BinaryType) {
    if (type === 'blob' || type === 'arraybuffer') this.#binaryType = type;
  }

  /** Throws an InvalidStateError before the connection is open. Bytes are copied; after `close`, nothing is sent. */
  send(data: string | BufferSource | Blob): void {
    if (this.#readyState === CONNECTING)
      throw new DOMException('The WebSocket is not open yet.', 'InvalidStateError');
    const opcode: Opcode = isBinary(data) ? OPCODE.binary : OPCODE.text;
    const payload = payloadOf(data);
    this.#bufferedAmount += payload instanceof Blob ? payload.size : payload.byteLength;
    if (this.#readyState === OPEN) this.#connection!.send(opcode, payload);
  }

  /** Throws an InvalidAccessError for a code other than 1000 and 3000 to 4999, a SyntaxError for a reason over 123 bytes. */
  close(code?: number, reason?: string): void {
    const status = code === undefined ? undefined : closeCodeOf(code);
    const bytes = new TextEncoder().encode(reason === undefined ? '' : String(reason));
    if (bytes.length > MAX_REASON)
      throw syntaxError(`The reason for closing must not be longer than ${MAX_REASON} bytes.`);
    if (this.#readyState >= CLOSING) return;
    this.#readyState = CLOSING;
    this.#closedEarly = [status ?? (bytes.length > 0 ? 1000 : undefined), bytes];
    this.#connection?.close(...this.#closedEarly);
  }

  /** Called when it is open. */
  get onopen(): Handler<'open'> {
    return this.#handlers.get('open');
  }
  set onopen(handler: Handler<'open'>) {
    this.#handlers.set('open', handler);
  }

  /** Called with each message: text, or bytes as `binaryType` says. */
  get onmessage(): Handler<'message'> {
    return this.#handlers.get('message');
  }
  set onmessage(handler: Handler<'message'>) {
    this.#handlers.set('message', handler);
  }

  /** Called when it failed; `error` of the event says why. */
  get onerror(): Handler<'error'> {
    return this.#handlers.get('error');
  }
  set onerror(handler: Handler<'error'>) {
    this.#handlers.set('error', handler);
  }

  /** Called when it is over, with `code`, `reason` and `wasClean`. */
  get onclose(): Handler<'close'> {
    return this.#handlers.get('close');
  }
  set onclose(handler: Handler<'close'>) {
    this.#handlers.set('close', handler);
  }

  /** As an EventTarget does it, with the types of WebSocketEvents. */
  override addEventListener<Type extends keyof WebSocketEvents>(
    type: Type,
    listener: (event: WebSocketEvents[Type]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(
    type: string,
    listener: ((event: never) => void) | EventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void {
    super.addEventListener(type, listener as EventListener | EventListenerObject | null, options);
  }

  #observer(): ConnectionObserver {
    return {
      opened: (protocol) => {
        this.#protocol = protocol;
        this.#readyState = OPEN;
        this.dispatchEvent(new Event('open'));
      },
      text: (text) => this.#receive(text),
      binary: (bytes) => this.#receive(this.#binaryType === 'blob' ? new Blob([bytes]) : exactBuffer(bytes)),
      closing: () => {
        if (this.#readyState < CLOSING) this.#readyState = CLOSING;
      },
      taken: (bytes) => {
        this.#bufferedAmount -= bytes;
      },
      // Never in the turn of the call that ends it: who calls `close` has not returned yet.
      ended: (end) => {
        this.#readyState = Math.max(this.#readyState, CLOSING) as 2 | 3;
        void this.#ended(end);
      },
    };
  }

  #receive(data: string | Blob | ArrayBuffer): void {
    if (this.#readyState !== OPEN) return;
    this.dispatchEvent(new MessageEvent('message', { data, origin: new URL(this.url).origin }));
  }

  async #ended({ error, ...end }: Parameters<ConnectionObserver['ended']>[0]): Promise<void> {
    await nextTask();
    this.#readyState = CLOSED;
    if (error !== undefined) {
      this.dispatchEvent(new WebSocketErrorEvent(error));
      await nextTask();
    }
    this.dispatchEvent(closeEvent(end));
  }
}

function isBinary(data: unknown): boolean {
  return data instanceof Blob || data instanceof ArrayBuffer || ArrayBuffer.isView(data);
}

/** What `send` was given, as it is now; a Blob does not change. */
function payloadOf(data: string | BufferSource | Blob): Uint8Array | Blob {
  if (data instanceof Blob) return data;
  if (isBinary(data)) return bytesOf(data).slice();
  return new TextEncoder().encode(String(data));
}

function exactBuffer(bytes: Uint8Array<ArrayBuffer>): ArrayBuffer {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes.buffer : bytes.slice().buffer;
}

/** `[Clamp] unsigned short`, and what of it a program may say. */
function closeCodeOf(code: number): number {
  const clamped = toUnsignedShort(Math.min(65_535, Math.max(0, Number(code) || 0)));
  if (clamped === 1000 || (clamped >= 3000 && clamped <= 4999)) return clamped;
  throw new DOMException('The code for closing must be 1000 or from 3000 to 4999.', 'InvalidAccessError');
}
