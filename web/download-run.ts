import { signal } from '@preact/signals';
import type { Tunnel } from '../src/index.ts';
import type { Advice } from './advice.ts';
import { HttpError } from './http-error.ts';
import type { HttpResponse } from './http-get.ts';

export interface DownloadTarget {
  host: string;
  port: number;
  path: string;
}

export interface DownloadState {
  phase: 'connecting' | 'receiving' | 'done' | 'stopped' | 'failed';
  target: DownloadTarget;
  received: number;
  total: number | undefined;
  /** Bytes per second: of the last moments while it runs, of the whole when it is done. */
  rate: number;
  /** Milliseconds since the body began. */
  elapsed: number;
  /** `200 OK`. */
  answer?: string;
  sha256?: string;
  /** Whether it is the digest that the server announced (RFC 9530); undefined where it announced none. */
  asAnnounced?: boolean;
  file?: { blob: Blob; name: string };
  /** The beginning, where it is text. */
  preview?: string;
  advice?: Advice;
}

/** Beyond this a page should not hold a file in memory; it is still received and hashed. */
const SAVE_LIMIT = 256_000_000;
const PREVIEW_BYTES = 1500;
const PAINT_EVERY = 100;

/** One GET over a TCP socket in the tunnel: progress, rate, digest, and the file. */
export class DownloadRun {
  readonly state = signal<DownloadState | undefined>();
  #abort: AbortController | undefined;

  get running(): boolean {
    const phase = this.state.value?.phase;
    return phase === 'connecting' || phase === 'receiving';
  }

  async start(tunnel: Tunnel, target: DownloadTarget, explain: (error: unknown) => Advice): Promise<void> {
    this.stop();
    const abort = new AbortController();
    this.#abort = abort;
    this.state.value = { phase: 'connecting', target, received: 0, total: undefined, rate: 0, elapsed: 0 };
    const socket = new tunnel.TCPSocket(target.host, target.port);
    const stop = () => void socket.close().catch(() => undefined);
    abort.signal.addEventListener('abort', stop);
    try {
      // A first visit does not need it.
      const { httpGet } = await import('./http-get.ts');
      const response = await httpGet(await socket.opened, target);
      await this.#receive(response, target, abort.signal);
    } catch (error) {
      if (!abort.signal.aborted)
        this.#update({
          phase: 'failed',
          advice: error instanceof HttpError ? { sentence: error.message, copy: [] } : explain(error),
        });
    } finally {
      stop();
    }
  }

  stop(): void {
    if (!this.running) return;
    this.#update({ phase: 'stopped' });
    this.#abort?.abort();
  }

  clear(): void {
    this.stop();
    this.state.value = undefined;
  }

  async #receive(response: HttpResponse, target: DownloadTarget, signal: AbortSignal): Promise<void> {
    const answer = `${response.status} ${response.reason}`.trim();
    this.#update({ phase: 'receiving', total: response.length, answer });
    if (response.status >= 300) throw new HttpError(refusal(response, answer));
    const { sha256 } = await import('./digest.ts');
    const digest = sha256.create();
    const pace = new Pace(performance.now());
    let parts: Uint8Array<ArrayBuffer>[] | undefined = [];
    let received = 0;
    for await (const part of response.body) {
      if (signal.aborted) return;
      digest.update(part);
      received += part.length;
      if (received > SAVE_LIMIT) parts = undefined;
      parts?.push(part);
      if (pace.due(performance.now(), received))
        this.#update({ received, rate: pace.rate, elapsed: pace.elapsed });
    }
    pace.due(performance.now(), received);
    const type = header(response, 'content-type') ?? 'application/octet-stream';
    const blob = parts && new Blob(parts, { type });
    const hash = digest.digest();
    const announced = announcedDigest(response);
    this.#update({
      phase: 'done',
      received,
      total: received,
      elapsed: pace.elapsed,
      rate: received / Math.max(0.001, pace.elapsed / 1000),
      sha256: hex(hash),
      ...(announced !== undefined && { asAnnounced: announced === btoa(String.fromCharCode(...hash)) }),
      ...(blob && { file: { blob, name: fileName(target.path) } }),
      ...(blob && type.startsWith('text/') && { preview: await blob.slice(0, PREVIEW_BYTES).text() }),
    });
  }

  #update(change: Partial<DownloadState>): void {
    if (this.state.value) this.state.value = { ...this.state.value, ...change };
  }
}

/** Decides when to paint, and measures the rate between paints. */
class Pace {
  readonly #start: number;
  #paintedAt: number;
  #paintedBytes = 0;
  rate = 0;
  elapsed = 0;

  constructor(start: number) {
    this.#start = start;
    this.#paintedAt = start;
  }

  due(now: number, received: number): boolean {
    this.elapsed = now - this.#start;
    const since = now - this.#paintedAt;
    if (since < PAINT_EVERY) return false;
    const current = ((received - this.#paintedBytes) / since) * 1000;
    this.rate = this.rate === 0 ? current : this.rate * 0.7 + current * 0.3;
    this.#paintedAt = now;
    this.#paintedBytes = received;
    return true;
  }
}

function refusal(response: HttpResponse, answer: string): string {
  const location = header(response, 'location');
  if (response.status < 400 && location)
    return `The server sends you on to ${location}: enter that path instead.`;
  return `The server answered ${answer}: check the path.`;
}

/** The SHA-256 in `Repr-Digest: sha-256=:…:` (RFC 9530 §3), in base64. */
function announcedDigest(response: HttpResponse): string | undefined {
  return /(?:^|[,\s])sha-256=:([A-Za-z0-9+/=]+):/.exec(header(response, 'repr-digest') ?? '')?.[1];
}

function header({ headers }: HttpResponse, name: string): string | undefined {
  return headers.find(([key]) => key === name)?.[1];
}

export function fileName(path: string): string {
  const name = path.split(/[?#]/)[0]!.split('/').at(-1)!;
  return name === '' ? 'index.html' : name;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
