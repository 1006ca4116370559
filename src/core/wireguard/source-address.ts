// Where a datagram came from, in bytes: what a cookie is bound to and what the rate limiter counts by. Behind a relay an
// endpoint may have a name instead of an address; then its characters stand for it, and its channel is one source.
import { IpAddress } from '../address.ts';
import type { Endpoint } from '../endpoint.ts';

/** Address ‖ port, the port big-endian. */
export function sourceAddressAndPort(from: Endpoint): Uint8Array {
  const host = hostBytes(from.host);
  const bytes = new Uint8Array(host.length + 2);
  bytes.set(host);
  bytes[host.length] = from.port >>> 8;
  bytes[host.length + 1] = from.port;
  return bytes;
}

/** Whoever has one IPv4 address, or one IPv6 /64, is one sender, whatever the port. */
export function sourceNetwork(from: Endpoint): string {
  const address = IpAddress.parse(from.host);
  return address?.version === 6 ? address.bytes.subarray(0, 8).join() : from.host;
}

function hostBytes(host: string): Uint8Array {
  const address = IpAddress.parse(host);
  return address ? address.bytes : Uint8Array.from(host, (character) => character.charCodeAt(0));
}
