import { HttpError } from './http-error.ts';

/**
 * One HTTP/1.1 GET over a byte stream (RFC 9112), enough to fetch a file through the tunnel: status line and headers,
 * interim 1xx responses, bodies by Content-Length, by chunks, or until the server closes.
 */

type Bytes = Uint8Array<ArrayBuffer>;

export interface ByteStreams {
  readable: ReadableStream<Bytes>;
  writable: WritableStream<BufferSource>;
}

export interface HttpResponse {
  status: number;
  reason: string;
  /** In order of arrival; names in lower case. */
  headers: [name: string, value: string][];
  /** Length of the body in bytes where the server said it. */
  length: number | undefined;
  /** The body as it arrives; throws HttpError when it ends early. */
  body: AsyncGenerator<Bytes, void, undefined>;
}

const HEAD_LIMIT = 65_536;
const CHUNK_LINE_LIMIT = 4096;

/** Sends the request and resolves when the headers are there. `host` is an address or a name, without brackets. */
export async function httpGet(
  streams: ByteStreams,
  target: { host: string; port: number; path: string },
): Promise<HttpResponse> {
  const writer = streams.writable.getWriter();
  await writer.write(new TextEncoder().encode(requestText(target)));
  writer.releaseLock();
  const bytes = new ByteReader(streams.readable.getReader());
  for (;;) {
    const head = parseHead(await readHead(bytes));
    if (head.status < 200) continue;
    const framing = bodyFraming(head.status, head.headers);
    return {
      ...head,
      length: typeof framing === 'number' ? framing : undefined,
      body: readBody(bytes, framing),
    };
  }
}

/** The bytes of the request as text. A path with spaces or controls is escaped, so it cannot add a header. */
export function requestText({ host, port, path }: { host: string; port: number; path: string }): string {
  const authority = host.includes(':') ? `[${host}]` : host;
  const url = new URL(path.startsWith('/') ? `http://h${path}` : `http://h/${path}`);
  return [
    `GET ${url.pathname}${url.search} HTTP/1.1`,
    `Host: ${authority}${port === 80 ? '' : `:${port}`}`,
    'Accept: */*',
    'Accept-Encoding: identity',
    'User-Agent: tabwire',
    'Connection: close',
    '',
    '',
  ].join('\r\n');
}

type Framing = number | 'chunked' | 'close';
type Head = Pick<HttpResponse, 'status' | 'reason' | 'headers'>;

async function readHead(bytes: ByteReader): Promise<string[]> {
  const lines: string[] = [];
  let size = 0;
  for (;;) {
    const line = await bytes.line(HEAD_LIMIT - size);
    if (line === undefined)
      throw new HttpError(
        size === 0 && lines.length === 0
          ? 'The server closed the connection without an answer.'
          : 'The server closed the connection in the middle of its headers.',
      );
    size += line.length + 2;
    // RFC 9112 §2.2: an empty line before the status line is to be ignored.
    if (line !== '') lines.push(line);
    else if (lines.length > 0) return lines;
  }
}

function parseHead(lines: string[]): Head {
  const match = /^HTTP\/1\.[0-9] ([1-9][0-9]{2})(?: (.*))?$/.exec(lines[0]!);
  if (!match) throw new HttpError('What answers on this port does not speak HTTP/1.1.');
  const headers: [string, string][] = [];
  for (const line of lines.slice(1)) {
    const last = headers.at(-1);
    // Folded lines are obsolete (RFC 9112 §5.2) and read as a continuation.
    if (/^[ \t]/.test(line) && last) last[1] = `${last[1]} ${line.trim()}`;
    else {
      const colon = line.indexOf(':');
      if (colon <= 0 || /\s/.test(line.slice(0, colon)))
        throw new HttpError('The server sent a header line that is not one.');
      headers.push([line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]);
    }
  }
  return { status: Number(match[1]), reason: match[2] ?? '', headers };
}

/** RFC 9112 §6.3. Contradicting lengths are an error, as two readers would cut the body at different places. */
function bodyFraming(status: number, headers: [string, string][]): Framing {
  if (status === 204 || status === 304) return 0;
  const values = (name: string) =>
    headers
      .filter(([key]) => key === name)
      .flatMap(([, value]) => value.split(',').map((part) => part.trim()));
  const codings = values('transfer-encoding').map((coding) => coding.toLowerCase());
  if (codings.length > 0) {
    if (codings.length === 1 && codings[0] === 'chunked') return 'chunked';
    throw new HttpError(`The server encodes the answer as "${codings.join(', ')}", which is not supported.`);
  }
  const lengths = new Set(values('content-length'));
  if (lengths.size === 0) return 'close';
  const [length] = lengths;
  if (lengths.size > 1 || !/^[0-9]{1,15}$/.test(length!))
    throw new HttpError('The server sent a Content-Length that is not one number.');
  return Number(length);
}

async function* readBody(bytes: ByteReader, framing: Framing): AsyncGenerator<Bytes, void, undefined> {
  try {
    if (framing === 'chunked') yield* readChunks(bytes);
    else if (framing === 'close') yield* readToEnd(bytes);
    else yield* readExactly(bytes, framing);
  } finally {
    await bytes.cancel();
  }
}

async function* readToEnd(bytes: ByteReader): AsyncGenerator<Bytes, void, undefined> {
  for (;;) {
    const part = await bytes.some(Number.POSITIVE_INFINITY);
    if (!part) return;
    yield part;
  }
}

async function* readExactly(bytes: ByteReader, length: number): AsyncGenerator<Bytes, void, undefined> {
  let left = length;
  while (left > 0) {
    const part = await bytes.some(left);
    if (!part) throw new HttpError(`The server closed the connection ${left} bytes before the end.`);
    left -= part.length;
    yield part;
  }
}

async function* readChunks(bytes: ByteReader): AsyncGenerator<Bytes, void, undefined> {
  for (;;) {
    const line = await bytes.line(CHUNK_LINE_LIMIT);
    if (line === undefined) throw new HttpError('The server closed the connection between two chunks.');
    const size = /^([0-9a-f]{1,12})[ \t]*(?:;.*)?$/i.exec(line)?.[1];
    if (size === undefined) throw new HttpError('The server sent a chunk without a valid size.');
    if (Number.parseInt(size, 16) === 0) break;
    yield* readExactly(bytes, Number.parseInt(size, 16));
    if ((await bytes.line(2)) !== '') throw new HttpError('The server sent a chunk longer than it said.');
  }
  for (let size = 0; ; ) {
    const trailer = await bytes.line(HEAD_LIMIT - size);
    if (trailer === undefined || trailer === '') return;
    size += trailer.length + 2;
  }
}

/** Lines and byte runs out of a stream of arbitrary pieces. */
class ByteReader {
  readonly #reader: ReadableStreamDefaultReader<Bytes>;
  #piece: Bytes = new Uint8Array(0);

  constructor(reader: ReadableStreamDefaultReader<Bytes>) {
    this.#reader = reader;
  }

  /** At least one byte and at most `limit`; undefined at the end of the stream. */
  async some(limit: number): Promise<Bytes | undefined> {
    if (!(await this.#fill())) return undefined;
    const part = this.#piece.subarray(0, Math.min(limit, this.#piece.length));
    this.#piece = this.#piece.subarray(part.length);
    return part;
  }

  /** Up to the next line feed, without it or a carriage return before it; Latin-1, as header bytes are. */
  async line(limit: number): Promise<string | undefined> {
    let text = '';
    while (await this.#fill()) {
      const end = this.#piece.indexOf(10);
      const part = this.#piece.subarray(0, end < 0 ? this.#piece.length : end);
      if (text.length + part.length > limit) throw new HttpError('The server sent an overlong header line.');
      for (const byte of part) text += String.fromCharCode(byte);
      this.#piece = this.#piece.subarray(end < 0 ? part.length : end + 1);
      if (end >= 0) return text.endsWith('\r') ? text.slice(0, -1) : text;
    }
    return undefined;
  }

  async cancel(): Promise<void> {
    await this.#reader.cancel().catch(() => undefined);
  }

  async #fill(): Promise<boolean> {
    while (this.#piece.length === 0) {
      const { value, done } = await this.#reader.read();
      if (done) return false;
      this.#piece = value;
    }
    return true;
  }
}
