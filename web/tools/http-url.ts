/** URLs out of what people write in fields. All pure. */
import { bracketed } from '../../src/core/host-port.ts';

/** Of an address or a name (without brackets), a port and a path; what a URL cannot hold is escaped in the path. */
export function urlOf({ host, port, path }: { host: string; port: number; path: string }): URL {
  const authority = bracketed(host);
  const text = `http://${authority}:${port}`;
  if (!/^[^/?#@\s\\]+$/.test(authority) || !URL.canParse(text))
    throw new Error(`“${host}” with port ${port} is no address of a web server: check both.`);
  return new URL(`${text}${path.startsWith('/') ? '' : '/'}${path}`);
}

/** An address bar's text: `http://` may be left out, and so may the brackets of a bare IPv6 address. */
export function urlFrom(text: string): URL {
  const trimmed = text.trim();
  const bare = /^[0-9a-f:]*:[0-9a-f:]*:[0-9a-f:.]*$/i.test(trimmed) ? `[${trimmed}]` : trimmed;
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(bare) ? bare : `http://${bare}`;
  if (trimmed === '' || !URL.canParse(full))
    throw new Error(`“${trimmed.slice(0, 60)}” is no URL: write one such as http://10.0.0.1/status.`);
  return new URL(full);
}
