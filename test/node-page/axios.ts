import { Buffer } from 'node:buffer';
import axios, { type AxiosError } from 'axios';
import { pattern, sha256 } from './bytes.ts';

/** Its adapter for Node, over follow-redirects and Node's `http` and `zlib`. */
const client = axios.create({ adapter: 'http', timeout: 20_000 });

/** A file compressed, and as a stream behind a redirect; what is not there, sent, cut short, not answered. */
export function axiosPrograms(origin: string, path: string) {
  // Of its own errors, with all that hangs on them, a page cannot be told from outside.
  return programs(origin, path).catch((error: Error) => {
    throw new Error(error.message);
  });
}

async function programs(origin: string, path: string) {
  const whole = await client.get<Buffer>(origin + path, { responseType: 'arraybuffer' });
  const moved = await client.get<AsyncIterable<Buffer>>(`${origin}/moved${path}`, { responseType: 'stream' });
  const parts: Buffer[] = [];
  for await (const part of moved.data) parts.push(part);
  const bytes = pattern(200_001);
  const put = await client.put(`${origin}/kept/axios.bin`, bytes);
  const kept = await client.get<Buffer>(`${origin}/kept/axios.bin`, { responseType: 'arraybuffer' });
  const aborter = new AbortController();
  const slow = client.get(`${origin}/slowly${path}`, { signal: aborter.signal });
  setTimeout(() => aborter.abort(), 100);
  return {
    status: whole.status,
    isBuffer: Buffer.isBuffer(whole.data),
    sums: [sha256(whole.data), sha256(Buffer.concat(parts))],
    put: put.status,
    isKept: sha256(kept.data) === sha256(bytes),
    missing: await failure(client.get(`${origin}/missing`)),
    aborted: await failure(slow),
    refused: await failure(client.get(`${origin}:1/`)),
  };
}

async function failure(asking: Promise<unknown>): Promise<string> {
  const error = await asking.then(
    () => undefined,
    (reason: AxiosError) => reason,
  );
  return `${error?.code} ${error?.response?.status ?? ''}`.trim();
}
