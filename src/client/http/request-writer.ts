import type { HttpRequest } from './request.ts';
import { chunkBytes, type RequestBody } from './request-body.ts';

/** Request line and header (RFC 9112 §3, §5). Headers lets nothing through that could end a line. */
export function headBytes(request: HttpRequest, cookies: string | undefined): Uint8Array<ArrayBuffer> {
  const { url, method, body } = request;
  const headers = new Headers(request.headers);
  addDefaults(headers);
  if (cookies !== undefined && !headers.has('cookie')) headers.set('cookie', cookies);
  const length = body ? body.length : method === 'POST' || method === 'PUT' ? 0 : undefined;
  const lines = [`${method} ${url.pathname}${url.search} HTTP/1.1`];
  lines.push(`Host: ${headers.get('host') ?? url.host}`);
  headers.delete('host');
  for (const [name, value] of headers) lines.push(`${capitalized(name)}: ${value}`);
  if (length !== undefined) lines.push(`Content-Length: ${length}`);
  else if (body) lines.push('Transfer-Encoding: chunked');
  return Uint8Array.from(`${lines.join('\r\n')}\r\n\r\n`, (char) => char.charCodeAt(0));
}

/** A body that cannot be read, which is the caller's doing. */
export class BodySourceError extends Error {}

/** Writes all of the body as the connection takes it. */
export async function writeBody(
  body: RequestBody,
  write: (bytes: Uint8Array<ArrayBuffer>) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const reader = body.open().getReader();
  const stop = () => void reader.cancel(signal.reason).catch(() => {});
  signal.addEventListener('abort', stop, { once: true });
  const isChunked = body.length === undefined;
  try {
    for (;;) {
      const bytes = await nextChunk(reader);
      if (signal.aborted) return;
      if (!bytes) break;
      if (bytes.length > 0) await write(isChunked ? chunkOf(bytes) : (bytes as Uint8Array<ArrayBuffer>));
    }
    if (isChunked) await write(ascii('0\r\n\r\n'));
  } catch (error) {
    void reader.cancel(error).catch(() => {});
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

async function nextChunk(reader: ReadableStreamDefaultReader<unknown>): Promise<Uint8Array | undefined> {
  try {
    const { done, value } = await reader.read();
    return done ? undefined : chunkBytes(value);
  } catch (cause) {
    throw new BodySourceError('The body of the request failed.', { cause });
  }
}

function chunkOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const size = ascii(`${bytes.length.toString(16)}\r\n`);
  const chunk = new Uint8Array(size.length + bytes.length + 2);
  chunk.set(size);
  chunk.set(bytes, size.length);
  chunk.set(ascii('\r\n'), size.length + bytes.length);
  return chunk;
}

/** Browsers have no brotli to decompress with. Part of a compressed answer could not be decompressed (fetch standard). */
function addDefaults(headers: Headers): void {
  if (!headers.has('accept')) headers.set('accept', '*/*');
  if (!headers.has('accept-language')) headers.set('accept-language', '*');
  if (!headers.has('user-agent')) headers.set('user-agent', 'tabwire');
  if (!headers.has('accept-encoding')) {
    headers.set('accept-encoding', headers.has('range') ? 'identity' : 'gzip, deflate');
  }
}

/** Headers lowers names; some small devices know them in capitals only. */
function capitalized(name: string): string {
  return name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
}

function ascii(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}
