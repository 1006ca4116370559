/** What the connection decides, whatever the caller says. */
const MANAGED = new Set([
  ...['connection', 'content-length', 'expect', 'keep-alive', 'proxy-connection'],
  ...['te', 'trailer', 'transfer-encoding', 'upgrade'],
]);

const ENCODER = new TextEncoder();

export interface RequestHead {
  method: string;
  url: URL;
  headers: Headers;
  /** Bytes; undefined: a stream, which goes in chunks; null: no body. */
  bodyLength: number | undefined | null;
}

/** The head of an HTTP/1.1 request (RFC 9112), to the empty line. */
export function formatRequestHead({
  method,
  url,
  headers,
  bodyLength,
}: RequestHead): Uint8Array<ArrayBuffer> {
  const lines = [
    `${method} ${url.pathname}${url.search} HTTP/1.1`,
    `Host: ${headers.get('host') ?? url.host}`,
  ];
  for (const [name, value] of headers)
    if (name !== 'host' && !MANAGED.has(name)) lines.push(`${name}: ${value}`);
  if (bodyLength === undefined) lines.push('Transfer-Encoding: chunked');
  else if (bodyLength !== null) lines.push(`Content-Length: ${bodyLength}`);
  else if (method === 'POST' || method === 'PUT') lines.push('Content-Length: 0');
  return latin1(`${lines.join('\r\n')}\r\n\r\n`);
}

/** One chunk of chunked coding; of no bytes, the last one. */
export function formatChunk(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const size = ENCODER.encode(`${bytes.length.toString(16)}\r\n`);
  const chunk = new Uint8Array(size.length + bytes.length + 2);
  chunk.set(size);
  chunk.set(bytes, size.length);
  chunk.set([13, 10], size.length + bytes.length);
  return chunk;
}

/** Headers holds bytes as characters; so does a URL, which has none beyond ASCII. */
function latin1(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}
