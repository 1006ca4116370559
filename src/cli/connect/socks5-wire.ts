// SOCKS Protocol Version 5: RFC 1928, and RFC 1929 for its login. Numbers, and messages as bytes.
import type { Socket } from 'node:net';
import { IpAddress } from '../../core/address.ts';
import type { Place } from '../places.ts';

export const VERSION = 5;
/** RFC 1928 §3. */
export const NO_LOGIN = 0;
export const USER_AND_PASSWORD = 2;
export const NO_ACCEPTABLE_METHOD = 0xff;
/** RFC 1929 §2: of the login, which counts its versions itself. */
export const LOGIN_VERSION = 1;

/** RFC 1928 §4. */
export const CONNECT = 1;
export const UDP_ASSOCIATE = 3;

/** RFC 1928 §6. */
export const SUCCEEDED = 0;
export const GENERAL_FAILURE = 1;
export const NOT_ALLOWED = 2;
export const NETWORK_UNREACHABLE = 3;
export const HOST_UNREACHABLE = 4;
export const CONNECTION_REFUSED = 5;
export const TTL_EXPIRED = 6;
export const COMMAND_NOT_SUPPORTED = 7;
export const ADDRESS_TYPE_NOT_SUPPORTED = 8;

const IPV4 = 1;
const NAME = 3;
const IPV6 = 4;
const NOWHERE: Place = { host: '0.0.0.0', port: 0 };

/** Exactly so many bytes, and none of those behind them. Rejects if the stream ends before. */
export async function readBytes(socket: Socket, length: number): Promise<Buffer> {
  let held = Buffer.alloc(0);
  while (held.length < length) {
    // All there is: with less than it was asked for in its buffer, a stream says again and again that it is readable.
    const chunk = socket.read() as Buffer | null;
    if (chunk) held = Buffer.concat([held, chunk]);
    else if (socket.readableEnded || socket.destroyed) throw new Error('It ended too early.');
    else await moreFrom(socket);
  }
  if (held.length > length) socket.unshift(held.subarray(length));
  return held.subarray(0, length);
}

function moreFrom(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      for (const event of EVENTS) socket.off(event, wake);
      resolve();
    };
    for (const event of EVENTS) socket.on(event, wake);
  });
}

const EVENTS = ['readable', 'end', 'close'] as const;

/** ATYP, address and port (RFC 1928 §5); undefined for a type of address that there is not. */
export async function readAddress(socket: Socket): Promise<Place | undefined> {
  const [type] = await readBytes(socket, 1);
  const length =
    type === IPV4 ? 4 : type === IPV6 ? 16 : type === NAME ? (await readBytes(socket, 1))[0]! : -1;
  if (length < 0) return undefined;
  const address = await readBytes(socket, length);
  const port = (await readBytes(socket, 2)).readUInt16BE();
  return { host: hostOf(type!, address), port };
}

/** A reply (RFC 1928 §6). */
export function reply(code: number, bound: Place = NOWHERE): Buffer {
  return Buffer.concat([Buffer.of(VERSION, code, 0), addressBytes(bound)]);
}

/** One datagram between client and relay (RFC 1928 §7): where it goes, and where in it its data begins. */
export interface Envelope {
  readonly remote: Place;
  readonly dataAt: number;
}

/** Undefined for what is none, and for a fragment, which "an implementation that does not support fragmentation MUST drop". */
export function readEnvelope(bytes: Buffer): Envelope | undefined {
  if (bytes.length < 5 || bytes.readUInt16BE(0) !== 0 || bytes[2] !== 0) return undefined;
  const type = bytes[3]!;
  const start = type === NAME ? 5 : 4;
  const length = type === IPV4 ? 4 : type === IPV6 ? 16 : type === NAME ? bytes[4]! : -1;
  const dataAt = start + length + 2;
  if (length < 0 || dataAt > bytes.length) return undefined;
  const host = hostOf(type, bytes.subarray(start, start + length));
  return { remote: { host, port: bytes.readUInt16BE(dataAt - 2) }, dataAt };
}

export function writeEnvelope(remote: Place, data: Uint8Array): Buffer {
  return Buffer.concat([Buffer.alloc(3), addressBytes(remote), data]);
}

function hostOf(type: number, bytes: Buffer): string {
  return type === NAME ? bytes.toString() : new IpAddress(bytes).toString();
}

function addressBytes({ host, port }: Place): Buffer {
  const { bytes, version } = IpAddress.parse(host)!;
  const message = Buffer.alloc(1 + bytes.length + 2);
  message[0] = version === 4 ? IPV4 : IPV6;
  message.set(bytes, 1);
  message.writeUInt16BE(port, 1 + bytes.length);
  return message;
}
