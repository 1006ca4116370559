// The opening handshake of RFC 6455 §4, read as strictly as its rules are written: what could be read in two ways fails.
import { trimmedValue } from '../http/field-value.ts';
import { isToken } from './address.ts';

/** The bytes of a server's answer that are looked at before it is given up, headers and all. */
export const MAX_ANSWER = 16_384;

const START = 'HTTP/1.';
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** RFC 9110 §5.5, without obsolete line folding. */
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

export interface Request {
  url: URL;
  /** Sixteen random bytes in base64. */
  key: string;
  protocols: readonly string[];
  /** The page that asks; absent outside of a browser. */
  origin: string | undefined;
}

export function requestText({ url, key, protocols, origin }: Request): string {
  const lines = [
    `GET ${url.pathname}${url.search} HTTP/1.1`,
    `Host: ${url.host}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${key}`,
    'Sec-WebSocket-Version: 13',
  ];
  if (protocols.length > 0) lines.push(`Sec-WebSocket-Protocol: ${protocols.join(', ')}`);
  if (origin !== undefined) lines.push(`Origin: ${origin}`);
  if (url.username !== '' || url.password !== '') lines.push(`Authorization: Basic ${credentialsOf(url)}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** What a server must answer to `key` (§4.2.2). */
export async function acceptOf(key: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-1', new TextEncoder().encode(key + GUID));
  return base64(new Uint8Array(digest));
}

export function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

/**
 * Where the head of an answer ends, behind its empty line; -1 if it has not come yet. Throws for what can never become one: a
 * server of something else that waits for us now would be waited for.
 */
export function endOfAnswer(bytes: Uint8Array): number {
  for (let i = 0; i < Math.min(START.length, bytes.length); i++)
    if (bytes[i] !== START.charCodeAt(i)) throw refusal('its answer is not HTTP/1.1');
  for (let i = 1; i < bytes.length; i++) {
    if (bytes[i] !== 10) continue;
    if (bytes[i - 1] !== 13) throw refusal('its answer has a header line that ends in a bare LF');
    if (bytes[i - 2] === 10 && bytes[i - 3] === 13) return i + 1;
  }
  return -1;
}

/** A 1xx, other than the 101 that is asked for. */
export function isInformational(answer: Uint8Array): boolean {
  return /^HTTP\/1\.1 1(?!01)\d\d[ \r]/.test(String.fromCharCode(...answer.subarray(0, 13)));
}

/** The subprotocol that the server chose, or ''. Throws an Error with one sentence where the answer is no agreement. */
export function protocolAgreed(answer: Uint8Array, accept: string, offered: readonly string[]): string {
  const headers = headersOf(answer);
  const upgrade = headers.get('upgrade') ?? [];
  if (upgrade.length !== 1 || upgrade[0]!.toLowerCase() !== 'websocket')
    throw refusal('its answer has no "Upgrade: websocket"');
  const connection = (headers.get('connection') ?? []).flatMap((value) => value.split(','));
  if (!connection.some((word) => word.trim().toLowerCase() === 'upgrade'))
    throw refusal('its answer has no "Connection: Upgrade"');
  const accepted = headers.get('sec-websocket-accept') ?? [];
  if (accepted.length !== 1 || accepted[0] !== accept) throw refusal('its Sec-WebSocket-Accept is not ours');
  if ((headers.get('sec-websocket-extensions') ?? []).some((value) => value !== ''))
    throw refusal('it uses an extension that was not offered');
  return protocolOf(headers.get('sec-websocket-protocol') ?? [], offered);
}

function protocolOf(chosen: readonly string[], offered: readonly string[]): string {
  if (chosen.length > 1) throw refusal('it chose more than one subprotocol');
  const [protocol] = chosen;
  if (protocol === undefined) {
    if (offered.length > 0) throw refusal('it chose none of the subprotocols');
    return '';
  }
  if (!offered.includes(protocol)) throw refusal('it chose a subprotocol that was not offered');
  return protocol;
}

function headersOf(answer: Uint8Array): Map<string, string[]> {
  const [status, ...lines] = String.fromCharCode(...answer.subarray(0, -4)).split('\r\n');
  const [, code] = /^HTTP\/1\.1 (\d{3})(?: [\t\x20-\x7e\x80-\xff]*)?$/.exec(status!) ?? [];
  if (code === undefined) throw refusal('its answer is not HTTP/1.1');
  if (code !== '101') throw refusal(`it answered with status ${code}`);
  const headers = new Map<string, string[]>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0));
    const value = line.slice(colon + 1);
    if (!isToken(name) || !FIELD_VALUE.test(value)) throw refusal('its answer has a header that is none');
    const key = name.toLowerCase();
    headers.set(key, [...(headers.get(key) ?? []), trimmedValue(value)]);
  }
  return headers;
}

function credentialsOf({ username, password }: URL): string {
  return base64(new TextEncoder().encode(`${decoded(username)}:${decoded(password)}`));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function refusal(what: string): Error {
  return new Error(`The server does not open a WebSocket: ${what}.`);
}
