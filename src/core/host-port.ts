// Hosts and ports as people and URLs write them (RFC 3986 §3.2): an address with colons of its own stands in brackets.

export function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** `10.0.0.1:80`, `db.internal:80`, `[fd00::1]:80`. */
export function hostAndPort(host: string, port: number | string): string {
  return `${bracketed(host)}:${port}`;
}
