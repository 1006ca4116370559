// A chunk of its own: a web server as the other end of a throughput test.
import type { Tunnel } from '../../src/index.ts';
import { urlFrom } from '../tools/http-url.ts';
import type { Load, LoadReport } from './throughput-run.ts';

const CHUNK = 64 * 1024;

/** Fetches the URL again and again, or posts to it without end, until the time is over. */
export async function testByHttp(
  tunnel: Pick<Tunnel, 'fetch'>,
  address: string,
  load: Load,
): Promise<LoadReport> {
  const url = urlFrom(address);
  if (load.direction === 'download') await download(tunnel, url, load);
  else await upload(tunnel, url, load);
  return {};
}

async function download(tunnel: Pick<Tunnel, 'fetch'>, url: URL, load: Load): Promise<void> {
  const signal = AbortSignal.any([load.signal, load.over]);
  try {
    while (!signal.aborted) await fetchOnce(tunnel, url, signal, load);
  } catch (error) {
    if (!load.over.aborted) throw error;
  }
}

async function fetchOnce(
  tunnel: Pick<Tunnel, 'fetch'>,
  url: URL,
  signal: AbortSignal,
  { count }: Load,
): Promise<void> {
  const response = await tunnel.fetch(url, {
    signal,
    credentials: 'omit',
    headers: { 'accept-encoding': 'identity' },
  });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`The server answered ${response.status}: name a URL of a large file.`);
  }
  let isEmpty = true;
  const reader = response.body?.getReader();
  for (let step = await reader?.read(); step && !step.done; step = await reader!.read()) {
    isEmpty = false;
    count(step.value.length);
  }
  if (isEmpty) throw new Error('The server answered with nothing: name a URL of a large file.');
}

async function upload(tunnel: Pick<Tunnel, 'fetch'>, url: URL, load: Load): Promise<void> {
  const chunk = crypto.getRandomValues(new Uint8Array(CHUNK));
  const body = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        if (load.over.aborted) return controller.close();
        controller.enqueue(chunk.slice());
        load.count(CHUNK);
      },
    },
    { highWaterMark: 0 },
  );
  const response = await tunnel.fetch(url, {
    method: 'POST',
    body,
    duplex: 'half',
    signal: load.signal,
    credentials: 'omit',
    headers: { 'content-type': 'application/octet-stream' },
  } as RequestInit);
  await response.body?.cancel();
  if (!response.ok)
    throw new Error(
      `The server answered ${response.status}: name a URL that takes uploads (POST), or an iperf3 server.`,
    );
}
