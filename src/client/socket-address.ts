import type { Destination } from './dialer.ts';
import { asciiHost } from './host-name.ts';

/** Where to connect to (WinterTC Sockets API): a name or an address, and a port from 1 to 65535. */
export interface SocketAddress {
  /** A name or an address; an IPv6 address with or without brackets. */
  hostname: string;
  /** 1 to 65535. */
  port: number;
}

/** `host:port`, where a host with colons, an IPv6 address, stands in brackets. */
const TEXT = /^(?:\[([^\]]+)\]|([^:[\]/@?#\s]+)):(\d{1,5})$/;

/** A SocketAddress of the WinterTC Sockets API, or its text; throws a TypeError that says what is wrong. */
export function destinationOf(address: string | SocketAddress): Destination {
  if (typeof address === 'object' && address !== null) {
    const { hostname, port } = address;
    return { hostname: hostOf(hostname), port: portOf(port) };
  }
  const [, bracketed, plain, port] = TEXT.exec(String(address)) ?? [];
  if (port === undefined) {
    throw new TypeError('The address must be "host:port", with an IPv6 address in brackets: "[fd00::1]:80".');
  }
  return { hostname: hostOf(bracketed ?? plain), port: portOf(port) };
}

function hostOf(hostname: unknown): string {
  if (hostname === undefined) throw new TypeError('The address has no hostname.');
  const host = asciiHost(hostname).replace(/^\[(.*)\]$/, '$1');
  if (host === '') throw new TypeError('The address has an empty hostname.');
  return host;
}

function portOf(port: unknown): number {
  const number = Number(port);
  if (Number.isInteger(number) && number >= 1 && number <= 65535) return number;
  throw new TypeError('The port must be a number from 1 to 65535.');
}
