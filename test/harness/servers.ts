// Servers that a page can be inside its tunnel, small enough to read: what a browser cannot otherwise be.
import type { Tunnel } from '../../src/index.ts';
import { pattern, sha256 } from './page.ts';

interface Connection {
  readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  writable: WritableStream<BufferSource>;
}

/** Serves each connection to this port, on both families, for as long as the tunnel is open. */
async function accept(
  tunnel: Tunnel,
  localPort: number,
  serve: (connection: Connection) => Promise<void>,
): Promise<void> {
  const { readable } = await new tunnel.TCPServerSocket('::', { localPort }).opened;
  void (async () => {
    for await (const socket of readable as unknown as AsyncIterable<InstanceType<Tunnel['TCPSocket']>>)
      socket.opened.then(serve).catch(() => {});
  })().catch(() => {});
}

/** What arrives, by as many bytes or as far as one wants. */
class Incoming {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
  #held = new Uint8Array(0);

  constructor(readable: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#reader = readable.getReader();
  }

  /** So many bytes; undefined if the stream ends before. */
  async take(count: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const all = new Uint8Array(count);
    for (let at = 0; at < count; ) {
      if (this.#held.length === 0 && !(await this.#more())) return undefined;
      const part = this.#held.subarray(0, count - at);
      all.set(part, at);
      at += part.length;
      this.#held = this.#held.subarray(part.length);
    }
    return all;
  }

  /** The text before an empty line, without it; undefined if the stream ends before. */
  async header(): Promise<string | undefined> {
    for (;;) {
      const text = new TextDecoder('latin1').decode(this.#held);
      const end = text.indexOf('\r\n\r\n');
      if (end >= 0) {
        this.#held = this.#held.subarray(end + 4);
        return text.slice(0, end);
      }
      if (!(await this.#more())) return undefined;
    }
  }

  async #more(): Promise<boolean> {
    const { done, value } = await this.#reader.read();
    if (done) return false;
    const joined = new Uint8Array(this.#held.length + value.length);
    joined.set(this.#held);
    joined.set(value, this.#held.length);
    this.#held = joined;
    return true;
  }
}

function joined(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** In chunks of up to this size, each of them one write. */
const CHUNK = 10_000;

/**
 * HTTP/1.1: `GET /SIZE` gives so many bytes of the pattern, `GET /chunked/SIZE` the same in chunks, `POST` the SHA-256 of
 * what was sent.
 */
export function serveHttp(tunnel: Tunnel, port: number): Promise<void> {
  return accept(tunnel, port, async ({ readable, writable }) => {
    const incoming = new Incoming(readable);
    const writer = writable.getWriter();
    const say = (text: string) => writer.write(new TextEncoder().encode(text));
    for (;;) {
      const header = await incoming.header();
      if (header === undefined) break;
      if (/^expect: 100-continue$/im.test(header)) await say('HTTP/1.1 100 Continue\r\n\r\n');
      const sent = await incoming.take(Number(/^content-length: (\d+)$/im.exec(header)?.[1] ?? 0));
      if (!sent) break;
      const chunked = /^GET \/chunked\/(\d+)/.exec(header)?.[1];
      if (chunked) {
        await say('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
        const body = pattern(Number(chunked));
        for (let at = 0; at < body.length; at += CHUNK) {
          const chunk = body.subarray(at, at + CHUNK);
          const head = new TextEncoder().encode(`${chunk.length.toString(16)}\r\n`);
          await writer.write(joined(head, chunk, new Uint8Array([13, 10])));
        }
        await say('0\r\n\r\n');
        continue;
      }
      const size = /^GET \/(\d+)/.exec(header)?.[1];
      const body = size ? pattern(Number(size)) : new TextEncoder().encode(await sha256(sent));
      // One write, as a server does it: a small second one would wait for the acknowledgement of the first.
      const head = new TextEncoder().encode(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`);
      await writer.write(joined(head, body));
      if (/^connection: close$/im.test(header)) break;
    }
    await writer.close();
  });
}

/** What the page's name server says: one address of each family for every name, and a text of so many bytes. */
export const NAME_SERVER = { ipv4: '10.98.9.9', ipv6: 'fd98::9:9', textBytes: 2000 };

/** A name server on port 53, UDP and TCP, that knows every name; what is too large for UDP it says is cut off. */
export async function serveDns(tunnel: Tunnel): Promise<void> {
  await accept(tunnel, 53, async ({ readable, writable }) => {
    const incoming = new Incoming(readable);
    const writer = writable.getWriter();
    for (;;) {
      const length = await incoming.take(2);
      const question = length && (await incoming.take(length[0]! * 256 + length[1]!));
      if (!question) break;
      const answer = answerTo(question, 65_535);
      await writer.write(new Uint8Array([answer.length >> 8, answer.length & 255, ...answer]));
    }
    await writer.close();
  });
  for (const localAddress of ['0.0.0.0', '::']) {
    const { readable, writable } = await new tunnel.UDPSocket({
      localAddress,
      localPort: 53,
      ...(localAddress === '::' && { ipv6Only: true }),
    }).opened;
    const answers = new TransformStream<{ data: Uint8Array<ArrayBuffer> }, { data: Uint8Array<ArrayBuffer> }>(
      {
        // The answer goes where the question came from: all but the data stays as it was.
        transform: (message, controller) =>
          controller.enqueue({ ...message, data: answerTo(message.data, limitOf(message.data)) }),
      },
    );
    readable
      .pipeThrough(answers)
      .pipeTo(writable)
      .catch(() => {});
  }
}

/** Behind the header and the name of the one question: type, class, then perhaps EDNS. */
function endOfName(question: Uint8Array): number {
  let at = 12;
  while (question[at] !== 0) at += question[at]! + 1;
  return at + 1;
}

/** How much UDP may answer (RFC 6891 §6.2.3: the class of the OPT record, which has the empty name). */
function limitOf(question: Uint8Array): number {
  const at = endOfName(question) + 4;
  const hasEdns = question[11] === 1 && question[at + 2] === 41;
  return hasEdns ? Math.max(512, question[at + 3]! * 256 + question[at + 4]!) : 512;
}

function answerTo(question: Uint8Array, limit: number): Uint8Array<ArrayBuffer> {
  const name = endOfName(question);
  const data = dataOf(question[name + 1]!);
  const head = [...question.subarray(0, name + 4)];
  // The name again is a pointer to offset 12; class IN; 60 seconds.
  const record = [0xc0, 12, 0, question[name + 1]!, 0, 1, 0, 0, 0, 60, data.length >> 8, data.length & 255];
  const isWhole = head.length + record.length + data.length <= limit;
  // A response with authority, recursion as asked; cut off if it is not whole.
  head.splice(2, 10, 0x84 | (question[2]! & 1) | (isWhole ? 0 : 2), 0, 0, 1, 0, isWhole ? 1 : 0, 0, 0, 0, 0);
  return new Uint8Array(isWhole ? [...head, ...record, ...data] : head);
}

/** The record's data, for types A, AAAA and TXT. */
function dataOf(type: number): number[] {
  if (type === 1) return NAME_SERVER.ipv4.split('.').map(Number);
  if (type === 28) return [0xfd, 0x98, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 9];
  return Array.from({ length: NAME_SERVER.textBytes / 200 }, () => [200, ...Array(200).fill(120)]).flat();
}
