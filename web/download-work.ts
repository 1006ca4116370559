// A chunk of its own: loaded with the first download, not with the page.
import { sha256 } from '@noble/hashes/sha2.js';
import type { Tunnel } from '../src/index.ts';
import type { DownloadState, DownloadTarget } from './download-run.ts';
import { urlOf } from './tools/http-url.ts';

/** Beyond this a page should not hold a file in memory; it is still received and hashed. */
const SAVE_LIMIT = 256_000_000;
const PREVIEW_BYTES = 1500;
const PAINT_EVERY = 100;

type Update = (change: Partial<DownloadState>) => void;

/** Fetches and hashes; says how far it is, ten times a second at most. */
export async function download(
  tunnel: Pick<Tunnel, 'fetch'>,
  target: DownloadTarget,
  signal: AbortSignal,
  update: Update,
): Promise<void> {
  const response = await tunnel.fetch(urlOf(target), {
    signal,
    redirect: 'manual',
    credentials: 'omit',
    // What is hashed is what the server has, and its length is known beforehand.
    headers: { 'accept-encoding': 'identity' },
  });
  const answer = `${response.status} ${response.statusText}`.trim();
  update({ phase: 'receiving', total: lengthOf(response), answer });
  if (response.status >= 300) {
    await response.body?.cancel();
    throw new Error(refusal(response, answer));
  }
  update(await receive(response, target, update));
}

async function receive(
  response: Response,
  target: DownloadTarget,
  update: Update,
): Promise<Partial<DownloadState>> {
  const digest = sha256.create();
  const pace = new Pace(performance.now());
  let parts: Uint8Array<ArrayBuffer>[] | undefined = [];
  let received = 0;
  const reader = response.body?.getReader();
  for (;;) {
    const { value, done } = (await reader?.read()) ?? { value: undefined, done: true as const };
    if (done) break;
    digest.update(value);
    received += value.length;
    if (received > SAVE_LIMIT) parts = undefined;
    parts?.push(value as Uint8Array<ArrayBuffer>);
    if (pace.due(performance.now(), received)) update({ received, rate: pace.rate, elapsed: pace.elapsed });
  }
  pace.due(performance.now(), received);
  const type = response.headers.get('content-type') ?? 'application/octet-stream';
  const blob = parts && new Blob(parts, { type });
  const hash = digest.digest();
  const announced = announcedDigest(response);
  return {
    phase: 'done',
    received,
    total: received,
    elapsed: pace.elapsed,
    rate: received / Math.max(0.001, pace.elapsed / 1000),
    sha256: hex(hash),
    ...(announced !== undefined && { asAnnounced: announced === btoa(String.fromCharCode(...hash)) }),
    ...(blob && { file: { blob, name: fileName(target.path) } }),
    ...(blob && type.startsWith('text/') && { preview: await blob.slice(0, PREVIEW_BYTES).text() }),
  };
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

function lengthOf({ headers }: Response): number | undefined {
  const text = headers.get('content-length') ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function refusal({ status, headers }: Response, answer: string): string {
  const location = headers.get('location');
  if (status < 400 && location) return `The server sends you on to ${location}: enter that path instead.`;
  return `The server answered ${answer}: check the path.`;
}

/** The SHA-256 in `Repr-Digest: sha-256=:…:` (RFC 9530 §3), in base64. */
function announcedDigest({ headers }: Response): string | undefined {
  return /(?:^|[,\s])sha-256=:([A-Za-z0-9+/=]+):/.exec(headers.get('repr-digest') ?? '')?.[1];
}

export function fileName(path: string): string {
  const name = path.split(/[?#]/)[0]!.split('/').at(-1)!;
  return name === '' ? 'index.html' : name;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
