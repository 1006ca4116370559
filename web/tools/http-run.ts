import { signal } from '@preact/signals';
import type { ResponseHead, Tunnel } from '../../src/index.ts';
import { type BodyText, readBody } from './http-body.ts';
import { urlFrom } from './http-url.ts';
import { type Explain, Run } from './run.ts';

export const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
export type Method = (typeof METHODS)[number];

export interface HttpQuestion {
  method: Method;
  url: string;
  /** `Name: value`, one a line. */
  headers: string;
  body: string;
}

/** Milliseconds since the request was asked for. */
export interface HttpTimes {
  head: number;
  end: number;
}

export interface HttpAnswer {
  /** As they came: redirects first, the last is the answer. */
  heads: ResponseHead[];
  times: HttpTimes;
  bytes: number;
  body: BodyText;
  file: { blob: Blob; name: string } | undefined;
}

/** Beyond this the answer is a file: the download panel takes it without holding it. */
export const BODY_LIMIT = 32_000_000;

/** One request through the tunnel, and all of its answer. */
export class HttpRun extends Run {
  readonly answer = signal<HttpAnswer | undefined>();

  async ask(tunnel: Pick<Tunnel, 'fetch'>, question: HttpQuestion, explain: Explain): Promise<void> {
    this.answer.value = undefined;
    await this.start(explain, async (signal) => {
      const answer = await send(tunnel, question, signal);
      if (!signal.aborted) this.answer.value = answer;
    });
  }
}

async function send(
  tunnel: Pick<Tunnel, 'fetch'>,
  { method, url, headers, body }: HttpQuestion,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const heads: ResponseHead[] = [];
  const target = urlFrom(url);
  const begin = performance.now();
  let atHead = begin;
  const response = await tunnel.fetch(target, {
    method,
    headers: readHeaders(headers),
    signal,
    ...(hasBody(method) && body !== '' && { body }),
    tunnel: {
      onHead: (head) => {
        atHead = performance.now();
        if (head.status >= 200) heads.push(head);
      },
    },
  });
  const { parts, bytes } = await collect(response);
  const times = { head: atHead - begin, end: performance.now() - begin };
  const type = response.headers.get('content-type') ?? '';
  const blob = new Blob(parts, { type });
  const name = nameOf(response.url || target.href, type);
  return {
    heads,
    times,
    bytes,
    body: await readBody(blob, type),
    file: bytes > 0 ? { blob, name } : undefined,
  };
}

async function collect(response: Response): Promise<{ parts: Uint8Array<ArrayBuffer>[]; bytes: number }> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  const reader = response.body?.getReader();
  while (reader) {
    const { value, done } = await reader.read();
    if (done) break;
    bytes += value.length;
    if (bytes > BODY_LIMIT) {
      await reader.cancel();
      throw new Error('The answer is larger than 32 MB: fetch it with Download, which takes files.');
    }
    parts.push(value as Uint8Array<ArrayBuffer>);
  }
  return { parts, bytes };
}

export function hasBody(method: Method): boolean {
  return method !== 'GET' && method !== 'HEAD';
}

/** Throws a sentence about the first line that is no header. */
export function readHeaders(text: string): [name: string, value: string][] {
  const lines = text.split('\n').map((line) => line.trim());
  return lines
    .filter((line) => line !== '')
    .map((line) => {
      const match = /^([!#$%&'*+\-.^_`|~\w]+):\s*(.*)$/.exec(line);
      if (!match)
        throw new Error(`“${line.slice(0, 60)}” is no header: write lines such as Accept: text/html.`);
      return [match[1]!, match[2]!];
    });
}

function nameOf(url: string, type: string): string {
  const name = decodeURIComponentSafely(new URL(url).pathname.split('/').at(-1)!);
  if (name !== '') return name;
  return /json/.test(type) ? 'answer.json' : /^text\/html/.test(type) ? 'index.html' : 'answer';
}

function decodeURIComponentSafely(text: string): string {
  try {
    return decodeURIComponent(text).replace(/[/\\]/g, '_');
  } catch {
    return text;
  }
}
