/** Whether two byte strings are equal, in time that depends on the lengths only. */
export function equalConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}

/** Whether every byte is zero, in time that depends on the length only. */
export function isAllZero(bytes: Uint8Array): boolean {
  let any = 0;
  for (let i = 0; i < bytes.length; i++) any |= bytes[i]!;
  return any === 0;
}

/** Overwrites secrets whose time is over. */
export function wipe(...secrets: Uint8Array[]): void {
  for (const secret of secrets) secret.fill(0);
}

/** Standard base64 (RFC 4648 §4) with padding, in time that depends on the length only: keys are printed by it. */
export function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let start = 0; start < bytes.length; start += BASE64_PIECE)
    text += pieceToBase64(bytes, start, Math.min(start + BASE64_PIECE, bytes.length));
  return text;
}

/** Bytes that are printed in one go, a multiple of 3: text that grows by four characters at a time is slow to use. */
const BASE64_PIECE = 3072;

function pieceToBase64(bytes: Uint8Array, start: number, end: number): string {
  const codes: number[] = [];
  for (let i = start; i < end; i += 3) {
    const left = end - i;
    const group = (bytes[i]! << 16) | ((left > 1 ? bytes[i + 1]! : 0) << 8) | (left > 2 ? bytes[i + 2]! : 0);
    codes.push(digitCode(group >> 18), digitCode((group >> 12) & 63));
    codes.push(left > 1 ? digitCode((group >> 6) & 63) : PADDING, left > 2 ? digitCode(group & 63) : PADDING);
  }
  return String.fromCharCode(...codes);
}

/**
 * Strict base64 (RFC 4648 §4): canonical padding, zero spare bits, nothing else; otherwise undefined. The time does not
 * depend on the digits.
 */
export function fromBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  const digits = text.length - padding;
  let out = 0;
  let bits = 0;
  let count = 0;
  let wrong = 0;
  for (let i = 0; i < digits; i++) {
    const digit = digitOf(text.charCodeAt(i));
    wrong |= digit;
    bits = (bits << 6) | (digit & 63);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes[out++] = bits >> count;
    bits &= (1 << count) - 1;
  }
  return wrong < 0 || bits !== 0 ? undefined : bytes;
}

const PADDING = 61;

/** All ones where low ≤ code ≤ high, else zero. */
function within(code: number, low: number, high: number): number {
  return ((low - 1 - code) & (code - high - 1)) >> 31;
}

/** The character of a base64 digit, without a table that is indexed by secrets. */
function digitCode(digit: number): number {
  return (
    (within(digit, 0, 25) & (digit + 65)) |
    (within(digit, 26, 51) & (digit + 71)) |
    (within(digit, 52, 61) & (digit - 4)) |
    (within(digit, 62, 62) & 43) |
    (within(digit, 63, 63) & 47)
  );
}

/** The digit of a character, or −1. */
function digitOf(code: number): number {
  return (
    -1 +
    (within(code, 65, 90) & (code - 64)) +
    (within(code, 97, 122) & (code - 70)) +
    (within(code, 48, 57) & (code + 5)) +
    (within(code, 43, 43) & 63) +
    (within(code, 47, 47) & 64)
  );
}
