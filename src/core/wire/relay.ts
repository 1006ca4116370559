/**
 * The framing between client and relay, `wgrelay.v1` (relay/PROTOCOL.md): a WebSocket message is 1 to 64
 * records; a record is one UDP datagram on a data channel, or one control body on channel 0.
 *
 *     +--------+-----------------+-------------+
 *     | ch  u8 |   len u16 BE    | body        |   ch 0 control, 1–63 data, 64–255 reserved: skipped by len
 *     +--------+-----------------+-------------+
 *
 * The one file that the relay and the engine share.
 */

export const SUBPROTOCOL = 'wgrelay.v1';
export const RECORD_HEADER = 3;
export const MAX_MESSAGE = 65_535;
/** Every relay takes messages of this size; larger ones, up to MAX_MESSAGE, if its WELCOME says so. */
export const LEAST_MESSAGE = 16_384;
export const MAX_RECORDS = 64;
export const CONTROL_CHANNEL = 0;
export const MAX_CHANNEL = 63;
/** Before a token among the subprotocols that a client offers. */
export const BEARER_PREFIX = 'wgrelay.bearer.';
/** The longest host name (RFC 1035 §2.3.4, as text). */
export const MAX_HOST = 253;
export const MAX_TOKEN = 2048;
/** What a session's tickets count with. */
export const SECRET_LENGTH = 16;
export const MAX_TICKET = 2048;

// Control types. Bit 7 marks what only the relay says.
export const OPEN = 0x01;
export const CLOSE = 0x02;
export const PING = 0x03;
export const RESUME = 0x04;
export const AUTH = 0x05;
export const WELCOME = 0x81;
export const OPENED = 0x82;
export const CLOSED = 0x83;
export const PONG = 0x84;
export const TICKET = 0x85;
export const GOAWAY = 0x86;
export const EVENT = 0x87;

// Flags of OPEN.
/** The endpoint may call first: the channel takes handshake initiations from it before there was any handshake. */
export const OPEN_LISTEN = 1;

// Flags of OPENED, after RESUME.
/** The UDP port is the one that the channel had. */
export const OPENED_SAME_PORT = 1;
/** The relay knows the key pairs: no handshake is needed. */
export const OPENED_KEYS_KNOWN = 2;

// Kinds of EVENT.
export const EVENT_NEED_HANDSHAKE = 1;
export const EVENT_UNREACHABLE = 2;
export const EVENT_TOO_BIG = 3;
export const EVENT_DROPPED_UP = 4;
export const EVENT_DROPPED_DOWN = 5;
export const EVENT_RATE_LIMITED = 6;
export const EVENT_BAD_SHAPE = 7;
export const EVENT_ENDPOINT_SILENT = 8;

// Codes with which the relay closes the WebSocket …
export const CLOSE_TEXT_FRAME = 1003;
export const CLOSE_RESTARTING = 1012;
export const CLOSE_OVERLOADED = 1013;
export const CLOSE_BAD_RECORD = 4400;
export const CLOSE_TOKEN = 4401;
export const CLOSE_ORIGIN = 4403;
export const CLOSE_NOT_WIREGUARD = 4406;
export const CLOSE_TIMEOUT = 4408;
export const CLOSE_REPLACED = 4409;
export const CLOSE_SESSION_OVER = 4410;
export const CLOSE_LIMIT = 4429;
// … and one channel.
export const CHANNEL_UNKNOWN = 4404;
export const CHANNEL_DENIED = 4405;
export const CHANNEL_TOO_MANY = 4413;
export const CHANNEL_UNRESPONSIVE = 4414;
export const CHANNEL_UNREACHABLE = 4415;
export const CHANNEL_NO_PORT = 4416;
/** The destination is allowed, but LISTEN there is not. */
export const CHANNEL_LISTEN_DENIED = 4417;

export type Control =
  /** Port 0: `host` is an alias that the relay's configuration defines. */
  | {
      readonly type: typeof OPEN;
      readonly channel: number;
      readonly flags: number;
      readonly port: number;
      readonly host: string;
    }
  | { readonly type: typeof CLOSE; readonly channel: number }
  | { readonly type: typeof PING; readonly nonce: Uint8Array }
  /** `secret`: from the WELCOME of the session that the ticket is of. */
  | { readonly type: typeof RESUME; readonly secret: Uint8Array; readonly ticket: Uint8Array }
  | { readonly type: typeof AUTH; readonly token: string }
  | {
      readonly type: typeof WELCOME;
      readonly version: number;
      readonly maxChannels: number;
      readonly maxDatagram: number;
      readonly maxMessage: number;
      readonly idleSeconds: number;
      readonly graceSeconds: number;
      readonly datagramsPerSecond: number;
      readonly bytesPerSecond: number;
      /** 8 bytes that name the session in the relay's log. */
      readonly sessionId: Uint8Array;
      /** 16 bytes for RESUME, or none from a relay that gives no tickets. */
      readonly secret: Uint8Array;
    }
  | {
      readonly type: typeof OPENED;
      readonly channel: number;
      readonly flags: number;
      /** 4 or 16 bytes, or none when the relay hides it. */
      readonly address: Uint8Array;
      readonly port: number;
      readonly localPort: number;
    }
  | { readonly type: typeof CLOSED; readonly channel: number; readonly code: number; readonly reason: string }
  | { readonly type: typeof PONG; readonly nonce: Uint8Array; readonly queuedBytes: number }
  | { readonly type: typeof TICKET; readonly lifetimeSeconds: number; readonly ticket: Uint8Array }
  | {
      readonly type: typeof GOAWAY;
      readonly reconnectWithin: number;
      readonly retryAfter: number;
      readonly code: number;
    }
  | { readonly type: typeof EVENT; readonly channel: number; readonly kind: number; readonly value: number };

/** A control type that this version does not know: to be ignored. */
export interface UnknownControl {
  readonly type: 0;
  readonly unknown: number;
}

/** Walks the records of one message without making an object for any. */
export class RecordReader {
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #limit = 0;
  #records = 0;
  #malformed = false;
  channel = 0;
  /** The body of the current record: `bytes[start, end)` of the array given to `begin`. */
  start = 0;
  end = 0;

  begin(bytes: Uint8Array, start = 0, end = bytes.length): void {
    this.#bytes = bytes;
    this.#at = start;
    this.#limit = end;
    this.#records = 0;
    this.#malformed = false;
  }

  /** Whether the walk ended at something that is no record, instead of at the end of the message. */
  get malformed(): boolean {
    return this.#malformed;
  }

  /** Moves to the next record, passing over reserved channels. False at the end. */
  next(): boolean {
    while (this.#at < this.#limit) {
      if (this.#limit - this.#at < RECORD_HEADER || ++this.#records > MAX_RECORDS) return this.#fail();
      this.channel = this.#bytes[this.#at]!;
      this.start = this.#at + RECORD_HEADER;
      this.end = this.start + ((this.#bytes[this.#at + 1]! << 8) | this.#bytes[this.#at + 2]!);
      if (this.end > this.#limit) return this.#fail();
      this.#at = this.end;
      if (this.channel > MAX_CHANNEL) continue;
      return this.start < this.end || this.#fail();
    }
    return false;
  }

  #fail(): false {
    this.#malformed = true;
    this.#at = this.#limit;
    return false;
  }
}

/** Collects records into one message at `bytes[start, end)`. */
export class RecordWriter {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly #room: number;
  #limit: number;
  #end: number;
  #records = 0;

  /** The message never grows beyond `end`, nor beyond the protocol's limits. */
  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.start = start;
    this.#end = start;
    this.#room = end - start;
    this.#limit = start + Math.min(this.#room, MAX_MESSAGE);
  }

  get end(): number {
    return this.#end;
  }

  get length(): number {
    return this.#end - this.start;
  }

  get records(): number {
    return this.#records;
  }

  /** Begins a message, of no more than so many bytes. */
  reset(limit = MAX_MESSAGE): void {
    this.#end = this.start;
    this.#records = 0;
    this.#limit = this.start + Math.min(this.#room, limit);
  }

  /** Whether a record with a body of `length` bytes has room in this message. */
  fits(length: number): boolean {
    return this.#records < MAX_RECORDS && this.#end + RECORD_HEADER + length <= this.#limit;
  }

  /** Appends `source[start, end)` as one record. The caller has asked `fits`. */
  append(channel: number, source: Uint8Array, start = 0, end = source.length): void {
    const length = end - start;
    if (!this.fits(length)) throw new RangeError('record does not fit into the message');
    const { bytes } = this;
    bytes[this.#end] = channel;
    bytes[this.#end + 1] = length >> 8;
    bytes[this.#end + 2] = length;
    const at = this.#end + RECORD_HEADER;
    if (source === bytes) bytes.copyWithin(at, start, end);
    else bytes.set(length === source.length ? source : source.subarray(start, end), at);
    this.#end = at + length;
    this.#records++;
  }
}

/** The control body at `bytes[start, end)`; undefined if it is shorter than its type needs. Copies what it keeps. */
export function readControl(
  bytes: Uint8Array,
  start = 0,
  end = bytes.length,
): Control | UnknownControl | undefined {
  const field = new Fields(bytes, start, end);
  const control = readFields(field);
  return field.overrun ? undefined : control;
}

function readFields(field: Fields): Control | UnknownControl {
  const type = field.u8();
  switch (type) {
    case OPEN:
      return {
        type,
        channel: field.u8(),
        flags: field.u8(),
        port: field.u16(),
        host: field.text(1, MAX_HOST),
      };
    case CLOSE:
      return { type, channel: field.u8() };
    case PING:
      return { type, nonce: field.octets(8) };
    case RESUME:
      return { type, secret: field.octets(SECRET_LENGTH), ticket: field.rest(1, MAX_TICKET) };
    case AUTH:
      return { type, token: field.text(1, MAX_TOKEN) };
    case WELCOME:
      return {
        type,
        version: field.u8(),
        maxChannels: field.u8(),
        maxDatagram: field.u16(),
        maxMessage: field.u16(),
        idleSeconds: field.u16(),
        graceSeconds: field.u16(),
        datagramsPerSecond: field.u32(),
        bytesPerSecond: field.u32(),
        sessionId: field.octets(8),
        secret: field.octets(field.left < SECRET_LENGTH ? 0 : SECRET_LENGTH),
      };
    case OPENED:
      return {
        type,
        channel: field.u8(),
        flags: field.u8(),
        address: field.octets(addressLength(field.u8())),
        port: field.u16(),
        localPort: field.u16(),
      };
    case CLOSED:
      return { type, channel: field.u8(), code: field.u16(), reason: field.text(0, 255) };
    case PONG:
      return { type, nonce: field.octets(8), queuedBytes: field.u32() };
    case TICKET:
      return { type, lifetimeSeconds: field.u16(), ticket: field.rest(1, MAX_TICKET) };
    case GOAWAY:
      return { type, reconnectWithin: field.u32(), retryAfter: field.u32(), code: field.u16() };
    case EVENT:
      return { type, channel: field.u8(), kind: field.u8(), value: field.u32() };
    default:
      return { type: 0, unknown: type };
  }
}

/** The control body, for `RecordWriter.append(CONTROL_CHANNEL, …)`. */
export function writeControl(control: Control): Uint8Array {
  const out: number[] = [control.type];
  switch (control.type) {
    case OPEN:
      out.push(control.channel, control.flags, ...u16(control.port), ...text(control.host, MAX_HOST));
      break;
    case CLOSE:
      out.push(control.channel);
      break;
    case PING:
      out.push(...control.nonce);
      break;
    case RESUME:
      out.push(...control.secret, ...control.ticket);
      break;
    case AUTH:
      out.push(...text(control.token, MAX_TOKEN));
      break;
    case WELCOME:
      out.push(control.version, control.maxChannels, ...u16(control.maxDatagram), ...u16(control.maxMessage));
      out.push(...u16(control.idleSeconds), ...u16(control.graceSeconds));
      out.push(...u32(control.datagramsPerSecond), ...u32(control.bytesPerSecond));
      out.push(...control.sessionId, ...control.secret);
      break;
    case OPENED:
      out.push(control.channel, control.flags, control.address.length === 16 ? 6 : control.address.length);
      out.push(...control.address, ...u16(control.port), ...u16(control.localPort));
      break;
    case CLOSED:
      out.push(control.channel, ...u16(control.code), ...text(control.reason, 255));
      break;
    case PONG:
      out.push(...control.nonce, ...u32(control.queuedBytes));
      break;
    case TICKET:
      out.push(...u16(control.lifetimeSeconds), ...control.ticket);
      break;
    case GOAWAY:
      out.push(...u32(control.reconnectWithin), ...u32(control.retryAfter), ...u16(control.code));
      break;
    case EVENT:
      out.push(control.channel, control.kind, ...u32(control.value));
      break;
  }
  return Uint8Array.from(out);
}

function addressLength(family: number): number {
  return family === 4 ? 4 : family === 6 ? 16 : 0;
}

const u16 = (value: number) => [(value >> 8) & 255, value & 255];
const u32 = (value: number) => [(value >>> 24) & 255, (value >> 16) & 255, (value >> 8) & 255, value & 255];

/** Host names and reasons are ASCII; anything else is written as `?`. */
function text(value: string, limit: number): number[] {
  return Array.from(value.slice(0, limit), (char) => (char < '\x80' ? char.charCodeAt(0) : 0x3f));
}

/** Reads fields one after the other; past the end they are zero, and `overrun` says so. */
class Fields {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;
  overrun = false;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  u8(): number {
    if (this.#at < this.#end) return this.#bytes[this.#at++]!;
    this.overrun = true;
    return 0;
  }

  u16(): number {
    return this.u8() * 0x100 + this.u8();
  }

  u32(): number {
    return this.u16() * 0x10000 + this.u16();
  }

  octets(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) bytes[i] = this.u8();
    return bytes;
  }

  get left(): number {
    return this.#end - this.#at;
  }

  rest(atLeast: number, atMost: number): Uint8Array {
    if (this.left < atLeast || this.left > atMost) this.overrun = true;
    return this.octets(Math.min(this.left, atMost));
  }

  /** The rest as text. A byte that is not ASCII becomes U+FFFD, which no host name holds. */
  text(atLeast: number, atMost: number): string {
    const length = this.left;
    if (length < atLeast || length > atMost) this.overrun = true;
    let value = '';
    for (let i = 0; i < Math.min(length, atMost); i++) {
      const byte = this.u8();
      value += byte < 0x80 ? String.fromCharCode(byte) : '\ufffd';
    }
    return value;
  }
}
