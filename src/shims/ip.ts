import { IpAddress } from '../core/address.ts';

/** 4, 6, or 0 for what is no address. A zone (`fe80::1%eth0`) is part of one, as Node sees it. */
export function isIP(input: unknown): 0 | 4 | 6 {
  const text = String(input);
  const [address = '', zone] = text.includes(':') ? text.split('%', 2) : [text];
  if (zone !== undefined && !/^[0-9a-zA-Z-.:]+$/.test(zone)) return 0;
  const parsed = IpAddress.parse(address);
  if (!parsed || address !== address.trim()) return 0;
  return parsed.version;
}

/** Whether it is an IPv4 address, as text. */
export function isIPv4(input: unknown): boolean {
  return isIP(input) === 4;
}

/** Whether it is an IPv6 address, as text; a zone is part of one. */
export function isIPv6(input: unknown): boolean {
  return isIP(input) === 6;
}

/** As Node writes it in `remoteFamily`. */
export function familyOf(address: string): 'IPv4' | 'IPv6' {
  return isIPv6(address) ? 'IPv6' : 'IPv4';
}
