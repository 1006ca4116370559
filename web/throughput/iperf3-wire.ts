// What goes over iperf3's control connection. The protocol has no document; it is what iperf_client_api.c of ESnet's iperf
// does: a cookie, one byte for each state, JSON between lengths.
import type { ByteReader } from './byte-reader.ts';

export const IPERF_PORT = 5201;
/** Length of the cookie that says which connections belong together, with the zero at its end. */
const COOKIE_BYTES = 37;
const COOKIE_LETTERS = 'abcdefghijklmnopqrstuvwxyz234567';
const MAX_JSON = 1 << 20;

/** What either side says of where the test is (iperf_api.h), in one byte. */
export const STATE = {
  testStart: 1,
  testRunning: 2,
  testEnd: 4,
  paramExchange: 9,
  createStreams: 10,
  serverTerminate: 11,
  exchangeResults: 13,
  displayResults: 14,
  iperfDone: 16,
  serverError: 254,
  accessDenied: 255,
} as const;

export function makeCookie(): Uint8Array<ArrayBuffer> {
  const cookie = crypto.getRandomValues(new Uint8Array(COOKIE_BYTES));
  const letters = cookie.map((byte) => COOKIE_LETTERS.charCodeAt(byte % COOKIE_LETTERS.length));
  letters[COOKIE_BYTES - 1] = 0;
  return letters;
}

export function jsonMessage(value: object): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(JSON.stringify(value));
  const message = new Uint8Array(4 + text.length);
  new DataView(message.buffer).setUint32(0, text.length);
  message.set(text, 4);
  return message;
}

export async function jsonText(reader: ByteReader): Promise<string> {
  const length = await reader.bytes(4);
  const size = new DataView(length.buffer).getUint32(0);
  if (size > MAX_JSON) throw new Error('What answers there is no iperf3 server: start one with iperf3 -s.');
  return new TextDecoder().decode(await reader.bytes(size));
}
