// Hosts, ports and the places that they make, as they are written on a command line.

import { isIPv6 } from 'node:net';
import { IpAddress } from '../core/address.ts';
import { hostAndPort } from '../core/host-port.ts';

/** A host, by name or address (IPv6 without its brackets), and a port. */
export interface Place {
  readonly host: string;
  readonly port: number;
}

/** What `[HOST:]PORT:HOST:PORT` says: listen here, and lead whoever comes there. */
export interface Forward {
  readonly listen: Place;
  readonly target: Place;
}

/** Hosts may be names, addresses, or IPv6 addresses in brackets; nothing that has a colon besides. */
const HOST = '(\\[[0-9A-Fa-f:.]+\\]|[^\\s:[\\]/@]+)';
const PORT = '(\\d{1,5})';
const PLACE = new RegExp(`^${HOST}:${PORT}$`);
const FORWARD = new RegExp(`^(?:(${HOST}|\\*|):)?${PORT}:${HOST}:${PORT}$`);

/** `HOST:PORT` or `[IPV6]:PORT`. Throws one sentence that names `flag`. */
export function readPlace(flag: string, text: string): Place {
  const match = PLACE.exec(text);
  const place = match && placeOf(match[1]!, match[2]!);
  if (!place) throw new Error(`${flag} "${text}": expected HOST:PORT, with an IPv6 address in brackets`);
  return place;
}

/**
 * `[HOST:]PORT:HOST:PORT`, as of ssh's -L and -R: without the first HOST, `home`; `*` and an empty one mean every address.
 * Throws one sentence that names `flag`.
 */
export function readForward(flag: string, text: string, home: string): Forward {
  const [, bind, , port, host, hostPort] = FORWARD.exec(text) ?? [];
  const listen = port && placeOf(bind === undefined ? home : bind === '*' || bind === '' ? '::' : bind, port);
  const target = host && placeOf(host, hostPort!);
  if (!listen || !target)
    throw new Error(
      `${flag} "${text}": expected [HOST:]PORT:HOST:PORT, with IPv6 addresses in brackets and ports from 1 to 65535`,
    );
  return { listen, target };
}

/** As it is written: IPv6 addresses in brackets. */
export function printPlace({ host, port }: Place): string {
  return hostAndPort(host, port);
}

/** Whether only this machine reaches it. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost') return true;
  const address = IpAddress.parse(host);
  if (!address) return false;
  return address.version === 4 ? address.bytes[0] === 127 : address.toString() === '::1';
}

function placeOf(host: string, digits: string): Place | undefined {
  const bare = host.startsWith('[') ? host.slice(1, -1) : host;
  const port = Number(digits);
  if (port < 1 || port > 65535 || bare.length > 253 || (host !== bare && !isIPv6(bare))) return undefined;
  return { host: bare, port };
}
