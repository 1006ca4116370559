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

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Standard base64 (RFC 4648 §4) with padding. */
export function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i;
    const group = (bytes[i]! << 16) | ((left > 1 ? bytes[i + 1]! : 0) << 8) | (left > 2 ? bytes[i + 2]! : 0);
    text += BASE64[group >> 18]! + BASE64[(group >> 12) & 63]!;
    text += left > 1 ? BASE64[(group >> 6) & 63]! : '=';
    text += left > 2 ? BASE64[group & 63]! : '=';
  }
  return text;
}

/** Strict base64 (RFC 4648 §4): canonical padding, zero spare bits, nothing else; otherwise undefined. */
export function fromBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let out = 0;
  for (let i = 0; i < text.length; i += 4) {
    const last = i + 4 === text.length;
    let group = 0;
    for (let j = 0; j < 4; j++) {
      const isPadding = last && j >= 4 - padding;
      const digit = isPadding ? 0 : BASE64.indexOf(text[i + j]!);
      if (digit < 0) return undefined;
      group = (group << 6) | digit;
    }
    const count = last ? 3 - padding : 3;
    if ((group & ((1 << (8 * (3 - count))) - 1)) !== 0) return undefined;
    for (let j = 0; j < count; j++) bytes[out++] = (group >> (16 - 8 * j)) & 255;
  }
  return bytes;
}
