// The little of DER (X.690) and PEM (RFC 7468) that it takes to give a key to WebCrypto.

export const DER = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  objectId: 0x06,
  sequence: 0x30,
} as const;

export function writeDer(tag: number, ...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const digits: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) digits.unshift(rest % 256);
  const head = length < 0x80 ? [tag, length] : [tag, 0x80 + digits.length, ...digits];
  const bytes = new Uint8Array(head.length + length);
  bytes.set(head);
  let at = head.length;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** The bytes of the first PEM block, whatever its label. */
export function readPem(text: string): Uint8Array<ArrayBuffer> {
  const [, base64] = /-----BEGIN [^-]+-----([^-]+)-----END/.exec(text) ?? [];
  if (base64 === undefined) throw new Error('This is no PEM.');
  return Uint8Array.from(atob(base64.replace(/\s/g, '')), (char) => char.charCodeAt(0));
}

/** A positive integer without the zeros before it. */
export function unsigned(body: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  let start = 0;
  while (start < body.length && body[start] === 0) start++;
  return body.subarray(start);
}
