import type { PingReply, TCPSocketOptions, Tunnel } from '../../src/index.ts';

export interface Download {
  status: number;
  bytes: number;
  /** Of the body, lower-case hex. */
  sha256: string;
  /** RFC 9530, as the server sent it. */
  reprDigest: string | undefined;
  seconds: number;
}

/** GET over a TCP socket with nothing but HTTP/1.0 and a Content-Length: what arrives is what TCP delivered. */
export async function download(
  tunnel: Tunnel,
  host: string,
  path: string,
  onProgress: (bytes: number) => void = () => {},
): Promise<Download> {
  const started = performance.now();
  const socket = new tunnel.TCPSocket(host, 80);
  const { readable, writable } = await socket.opened;
  await send(writable, `GET ${path} HTTP/1.0\r\nHost: inside\r\n\r\n`);
  const received = await readAll(readable, onProgress);
  await socket.close();
  await socket.closed;
  const end = headerEnd(received);
  const header = new TextDecoder().decode(received.subarray(0, end));
  const body = received.subarray(end);
  return {
    status: Number(header.split(' ')[1]),
    bytes: body.length,
    sha256: await sha256(body),
    reprDigest: /^repr-digest: (.*)$/im.exec(header)?.[1]?.trim(),
    seconds: (performance.now() - started) / 1000,
  };
}

/** Writes and leaves the writer unlocked and open. */
export async function send(
  writable: WritableStream<BufferSource>,
  data: string | Uint8Array<ArrayBuffer>,
): Promise<void> {
  const writer = writable.getWriter();
  await writer.write(typeof data === 'string' ? new TextEncoder().encode(data) : data);
  writer.releaseLock();
}

/** Everything until the peer's FIN, in one piece. */
export async function readAll(
  readable: ReadableStream<Uint8Array>,
  onProgress: (bytes: number) => void = () => {},
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  const reader = readable.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    total += value.length;
    onProgress(total);
  }
  reader.releaseLock();
  const all = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

/** At least `count` bytes (or what came before the end), as text; leaves the stream unlocked. */
export async function readText(readable: ReadableStream<Uint8Array>, count: number): Promise<string> {
  const reader = readable.getReader();
  const decoder = new TextDecoder();
  let text = '';
  while (text.length < count) {
    const { done, value } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
  }
  reader.releaseLock();
  return text;
}

/** Sends `data`, ends our direction, and gives back all that comes until the other side ends its own. */
export async function exchange(
  tunnel: Tunnel,
  host: string,
  port: number,
  data: string | Uint8Array<ArrayBuffer>,
  options?: TCPSocketOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const socket = new tunnel.TCPSocket(host, port, options);
  const { readable, writable } = await socket.opened;
  const answer = readAll(readable);
  const writer = writable.getWriter();
  await writer.write(typeof data === 'string' ? new TextEncoder().encode(data) : data);
  await writer.close();
  return answer;
}

/** Bytes that look random and are the same for the same seed. */
export function pattern(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = seed >>> 0 || 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return new Uint8Array(words.buffer, 0, length);
}

export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export async function pings(
  tunnel: Tunnel,
  host: string,
  options: { count: number; interval?: number; size?: number; timeout?: number },
): Promise<PingReply[]> {
  const replies: PingReply[] = [];
  for await (const reply of tunnel.ping(host, options)) replies.push(reply);
  return replies;
}

/** What a failure looks like to a caller, as plain data that crosses to the test. */
export interface Failure {
  name: string;
  code?: string;
  message: string;
  leg?: string;
  retryable?: boolean;
  cause?: Failure;
}

/** The rejection of `promise`; throws if it does not reject within `timeout` ms. */
export async function failure(promise: Promise<unknown>, timeout = 15_000): Promise<Failure> {
  const late = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error(`neither value nor error in ${timeout} ms`)), timeout);
  });
  const never = Promise.race([promise, late]).then(
    (value) => Promise.reject(new Error(`expected a failure, got ${String(value)}`)),
    (error: unknown) => plain(error),
  );
  return never;
}

function plain(error: unknown): Failure {
  const { name, message, code, leg, retryable, cause } = error as Error & {
    code?: unknown;
    leg?: string;
    retryable?: boolean;
  };
  return {
    name,
    message,
    ...(typeof code === 'string' ? { code } : {}),
    ...(leg === undefined ? {} : { leg }),
    ...(retryable === undefined ? {} : { retryable }),
    ...(cause === undefined ? {} : { cause: plain(cause) }),
  };
}

function headerEnd(bytes: Uint8Array): number {
  for (let i = 3; i < bytes.length; i++)
    if (bytes[i] === 10 && bytes[i - 1] === 13 && bytes[i - 2] === 10 && bytes[i - 3] === 13) return i + 1;
  throw new Error('no end of the response header');
}

export interface EchoWish {
  /** Of a UDP echo. */
  port: number;
  count: number;
  /** Milliseconds between two. */
  interval: number;
  size: number;
  /** How long to wait after the last, in milliseconds. */
  linger: number;
}

export interface Echo {
  number: number;
  from: string | undefined;
  /** Byte for byte what was sent under this number. */
  isWhole: boolean;
}

/** Sends numbered datagrams to a UDP echo and tells all that came back, in the order in which it did. */
export async function echoes(tunnel: Tunnel, host: string, wish: EchoWish): Promise<Echo[]> {
  const socket = new tunnel.UDPSocket({ localAddress: host.includes(':') ? '::' : '0.0.0.0' });
  const { readable, writable } = await socket.opened;
  const [reader, writer] = [readable.getReader(), writable.getWriter()];
  const came: Echo[] = [];
  const reading = (async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const { data, remoteAddress } = value;
      const number = data.length < 4 ? -1 : new DataView(data.buffer, data.byteOffset).getUint32(0);
      const sent = numbered(number, wish.size);
      const isWhole = data.length === sent.length && data.every((byte, i) => byte === sent[i]);
      came.push({ number, from: remoteAddress, isWhole });
    }
  })();
  for (let number = 0; number < wish.count; number++) {
    await writer.write({ data: numbered(number, wish.size), remoteAddress: host, remotePort: wish.port });
    await sleep(wish.interval);
  }
  await sleep(wish.linger);
  await reader.cancel();
  await reading;
  return came;
}

function numbered(number: number, size: number): Uint8Array<ArrayBuffer> {
  const bytes = pattern(size, number + 1);
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A TCP echo on this port of our inner addresses, for as long as the tunnel is open. */
export async function serveEcho(tunnel: Tunnel, port: number): Promise<void> {
  const { readable } = await new tunnel.TCPServerSocket('::', { localPort: port }).opened;
  void (async () => {
    for await (const socket of readable as unknown as AsyncIterable<InstanceType<Tunnel['TCPSocket']>>) {
      const connection = await socket.opened;
      connection.readable.pipeTo(connection.writable).catch(() => {});
    }
  })().catch(() => {});
}

/** Sends so many bytes to a TCP sink; what was sent and what the sink says that it got, as "BYTES SHA256". */
export async function upload(
  tunnel: Tunnel,
  host: string,
  port: number,
  size: number,
): Promise<{ sent: string; arrived: string }> {
  const data = pattern(size);
  const { readable, writable } = await new tunnel.TCPSocket(host, port).opened;
  const answer = readAll(readable);
  const writer = writable.getWriter();
  for (let at = 0; at < size; at += 65_536) await writer.write(data.subarray(at, at + 65_536));
  await writer.close();
  return { sent: `${size} ${await sha256(data)}`, arrived: new TextDecoder().decode(await answer) };
}
