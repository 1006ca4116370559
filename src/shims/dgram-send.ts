// The many ways in which one may say `send`.
import { Buffer } from 'buffer';
import type { Message } from './dgram-options.ts';
import { checkCallback, checkPort, codedError, invalidArgType } from './errors.ts';

export type SendCallback = (error: Error | null, bytes?: number) => void;

export interface Sending {
  bytes: Buffer;
  /** Absent: to whom the socket is connected. */
  to: { port: number; address: string | undefined } | undefined;
  callback: SendCallback | undefined;
}

/**
 * (msg[, offset, length][, port][, address][, callback]), where the port is what an unconnected socket needs and a connected
 * one must not have.
 */
export function sendingOf(args: readonly unknown[], isConnected: boolean): Sending {
  const last = args.at(-1);
  const callback = typeof last === 'function' ? (last as SendCallback) : undefined;
  const [message, ...rest] = callback ? args.slice(0, -1) : args;
  const isSliced = typeof rest[1] === 'number' && (isConnected || rest.length >= 3);
  const bytes = isSliced
    ? sliced(message, rest[0] as number, rest[1] as number)
    : bytesOf(message as Message);
  const [port, address] = isSliced ? rest.slice(2) : rest;
  // Without offset and length, Node does not look at what else a connected socket is told.
  if (isConnected && isSliced && (port || address))
    throw codedError(Error, 'ERR_SOCKET_DGRAM_IS_CONNECTED', 'Already connected');
  checkCallback(callback);
  if (
    !isConnected &&
    address !== undefined &&
    address !== null &&
    typeof address !== 'string' &&
    address !== false
  )
    throw invalidArgType('address', 'of type string', address);
  const to = isConnected
    ? undefined
    : {
        port: checkPort(port, 'Port', { allowsZero: false }),
        address: (address || undefined) as string | undefined,
      };
  return { bytes, to, callback };
}

/** A copy: the caller may go on with its own. */
function bytesOf(message: Message): Buffer {
  if (Array.isArray(message)) return Buffer.concat((message as (string | ArrayBufferView)[]).map(bytesOf));
  if (typeof message === 'string') return Buffer.from(message);
  if (ArrayBuffer.isView(message))
    return Buffer.from(new Uint8Array(message.buffer, message.byteOffset, message.byteLength));
  throw invalidArgType('buffer', 'of type string or an instance of Buffer, TypedArray, or DataView', message);
}

function sliced(message: unknown, offset: number, length: number): Buffer {
  if (typeof message !== 'string' && !ArrayBuffer.isView(message))
    throw invalidArgType(
      'buffer',
      'of type string or an instance of Buffer, TypedArray, or DataView',
      message,
    );
  const whole = bytesOf(message);
  for (const [name, at] of [
    ['offset', offset],
    ['length', offset + length],
  ] as const)
    if (at > whole.length)
      throw codedError(RangeError, 'ERR_BUFFER_OUT_OF_BOUNDS', `"${name}" is outside of buffer bounds`);
  return whole.subarray(offset, offset + length);
}
