// Domain names (RFC 1035 §3.1, §4.1.4): on the wire labels of up to 63 bytes, each behind its length, and an empty one
// at the end; as text labels with dots between them and whatever could be mistaken escaped (RFC 4343 §2.1).
//
//   | 7 | e x a m p l e | 3 | c o m | 0 |          "example.com"
//   | 1 1 |  offset (14 bits)  |                   the rest of the name is there, further ahead in the message

/** Of a whole name on the wire, the lengths and the end counted. As text that is 253 characters (RFC 1035 §2.3.4). */
export const MAX_NAME_BYTES = 255;
const MAX_LABEL_BYTES = 63;
/** A name has at most 127 labels; nobody needs more pointers. */
const MAX_POINTERS = 127;
/** No name begins in the header. */
const HEADER_LENGTH = 12;

const DOT = 46;
const BACKSLASH = 92;
/** What stands for itself in a zone file only with a backslash before it, besides the dot (RFC 1035 §5.1). */
const SPECIAL = new Set([...'"().;\\@$'].map((character) => character.charCodeAt(0)));

/** What is wrong with a name as text. */
export type NameFault = 'empty label' | 'label longer than 63' | 'name longer than 253' | 'bad character';

/** The bytes of a name; a dot at its end makes no difference. Letters keep their case. */
export function encodeName(text: string): Uint8Array | NameFault {
  const bytes: number[] = [];
  let label: number[] = [];
  const endLabel = (): NameFault | undefined => {
    if (label.length === 0) return 'empty label';
    if (label.length > MAX_LABEL_BYTES) return 'label longer than 63';
    bytes.push(label.length, ...label);
    label = [];
    return bytes.length >= MAX_NAME_BYTES ? 'name longer than 253' : undefined;
  };
  for (let i = 0; text !== '.' && i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === DOT) {
      const fault = endLabel();
      if (fault) return fault;
    } else if (code === BACKSLASH) {
      const escaped = escapedAt(text, i + 1);
      if (!escaped) return 'bad character';
      label.push(escaped.byte);
      i += escaped.length;
    } else if (code <= 0x20 || code >= 0x7f) {
      return 'bad character';
    } else {
      label.push(code);
    }
  }
  if (text === '') return 'empty label';
  const fault = label.length > 0 ? endLabel() : undefined;
  return fault ?? Uint8Array.of(...bytes, 0);
}

/** After a backslash: three decimal digits, or the character itself. */
function escapedAt(text: string, at: number): { byte: number; length: number } | undefined {
  const digits = /^[0-9]{3}/.exec(text.slice(at, at + 3))?.[0];
  if (digits) return Number(digits) <= 255 ? { byte: Number(digits), length: 3 } : undefined;
  const code = text.charCodeAt(at);
  return code > 0x20 && code < 0x7f ? { byte: code, length: 1 } : undefined;
}

/** A name in a message: its text, without the last dot ("." is the root), and where what follows it begins. */
export interface ReadName {
  readonly text: string;
  readonly end: number;
}

/**
 * The name at `at`, its pointers followed: only ever backwards, so that there is an end. Undefined for what is no name.
 */
export function readName(message: Uint8Array, at: number): ReadName | undefined {
  let text = '';
  let bytes = 1;
  let end = -1;
  let pointers = 0;
  /** Pointers must lead to before this. */
  let start = at;
  for (let offset = at; ; ) {
    const length = message[offset];
    if (length === undefined) return undefined;
    if (length === 0) return { text: text || '.', end: end < 0 ? offset + 1 : end };
    if (length < 0x40) {
      bytes += 1 + length;
      if (bytes > MAX_NAME_BYTES || offset + 1 + length > message.length) return undefined;
      text += (text && '.') + printLabel(message, offset + 1, length);
      offset += 1 + length;
      continue;
    }
    const low = message[offset + 1];
    if (length < 0xc0 || low === undefined || ++pointers > MAX_POINTERS) return undefined;
    if (end < 0) end = offset + 2;
    offset = ((length & 0x3f) << 8) | low;
    if (offset >= start || offset < HEADER_LENGTH) return undefined;
    start = offset;
  }
}

function printLabel(message: Uint8Array, at: number, length: number): string {
  let text = '';
  for (let i = at; i < at + length; i++) {
    const byte = message[i]!;
    if (SPECIAL.has(byte)) text += `\\${String.fromCharCode(byte)}`;
    else if (byte > 0x20 && byte < 0x7f) text += String.fromCharCode(byte);
    else text += `\\${String(byte).padStart(3, '0')}`;
  }
  return text;
}

/** The text that equal names share (RFC 4343: ASCII letters without their case), as `readName` would print it. */
export function canonicalName(bytes: Uint8Array): string {
  let text = '';
  for (let offset = 0; bytes[offset] !== 0; offset += 1 + bytes[offset]!)
    text += (text && '.') + printLabel(bytes, offset + 1, bytes[offset]!);
  return text.toLowerCase() || '.';
}

/** The name without its first label, or undefined for the root. */
export function parentName(text: string): string | undefined {
  if (text === '.') return undefined;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '.') return text.slice(i + 1);
  }
  return '.';
}

/** Whether the canonical `name` is `domain` or lies below it. */
export function isInDomain(name: string, domain: string): boolean {
  for (let at: string | undefined = name; at !== undefined; at = parentName(at))
    if (at === domain) return true;
  return false;
}
