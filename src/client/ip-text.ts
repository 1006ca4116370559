import { IpAddress } from '../core/address.ts';

/** Whether the text is IPv6's unspecified address, however it is written: all addresses of this tunnel. */
export function isAnyIpv6(text: string | undefined): boolean {
  const address = text === undefined ? undefined : IpAddress.parse(text);
  return address?.version === 6 && address.bytes.every((byte) => byte === 0);
}

/** Whether it is loopback (127.0.0.0/8, ::1) or unspecified (0.0.0.0, ::). */
export function isLoopbackOrUnspecified({ version, bytes }: IpAddress): boolean {
  if (version === 4) return bytes[0] === 127 || bytes.every((byte) => byte === 0);
  return bytes.subarray(0, 15).every((byte) => byte === 0) && bytes[15]! <= 1;
}
