// A download and an upload at the same time, begun in one call and ended in another, with the moments in which they moved.
import type { Tunnel } from '../../src/index.ts';
import { pattern, sha256 } from './page.ts';

export interface TransferWish {
  /** GET of this path from port 80 of this host. */
  down: { host: string; path: string };
  /** To port 9 of this host, a sink that answers "BYTES SHA256". */
  up: { host: string; size: number };
  /** In bytes: neither direction gets farther before `releaseTransfers`, however fast it is beside the other. */
  hold: number;
}

/** One direction so far. */
export interface Progress {
  bytes: number;
  /** When bytes moved, as Date.now() said it; each millisecond once. */
  at: number[];
}

export interface TransferReport {
  down: Progress & { sha256: string };
  up: Progress & { sent: string; arrived: string };
  /** Segments that our side sent again. */
  retransmits: number;
}

interface Running {
  down: Progress;
  up: Progress;
  release: () => void;
  report: Promise<TransferReport>;
}

let running: Running | undefined;

function moved(progress: Progress, bytes: number): void {
  progress.bytes += bytes;
  const now = Date.now();
  if (progress.at.at(-1) !== now) progress.at.push(now);
}

/** Where both wait for each other. */
interface Hold {
  at: number;
  released: Promise<void>;
}

/** Begins both; resolves when both connections are open. */
export async function beginTransfers(tunnel: Tunnel, { down, up, hold: at }: TransferWish): Promise<void> {
  const [downloading, uploading] = [new tunnel.TCPSocket(down.host, 80), new tunnel.TCPSocket(up.host, 9)];
  const [get, put] = await Promise.all([downloading.opened, uploading.opened]);
  const begun = { down: { bytes: 0, at: [] }, up: { bytes: 0, at: [] } };
  let release = () => {};
  const hold = { at, released: new Promise<void>((resolve) => (release = resolve)) };
  const request = new TextEncoder().encode(`GET ${down.path} HTTP/1.0\r\nHost: inside\r\n\r\n`);
  await get.writable.getWriter().write(request);
  const report = Promise.all([
    receive(get.readable, begun.down, hold),
    send(uploading, put, up.size, begun.up, hold),
  ]).then(([received, given]) => ({
    down: { ...begun.down, sha256: received },
    up: { ...begun.up, ...given.told },
    retransmits: given.retransmits,
  }));
  report.catch(() => {});
  running = { ...begun, release, report };
}

/** How far the present transfers are, in bytes. */
export function transferred(): { down: number; up: number } {
  return { down: running!.down.bytes, up: running!.up.bytes };
}

/** Both may go on to their ends. */
export function releaseTransfers(): void {
  running!.release();
}

/** The report of the present transfers, when both have ended. */
export function transfersEnded(): Promise<TransferReport> {
  return running!.report;
}

/** The SHA-256 of the body. */
async function receive(
  readable: ReadableStream<Uint8Array<ArrayBuffer>>,
  progress: Progress,
  hold: Hold,
): Promise<string> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for await (const part of readable as unknown as AsyncIterable<Uint8Array<ArrayBuffer>>) {
    moved(progress, part.length);
    parts.push(part);
    if (progress.bytes >= hold.at) await hold.released;
  }
  const all = new Uint8Array(await new Blob(parts).arrayBuffer());
  const start = new TextDecoder('latin1').decode(all.subarray(0, 2000));
  return sha256(all.subarray(start.indexOf('\r\n\r\n') + 4));
}

async function send(
  socket: InstanceType<Tunnel['TCPSocket']>,
  { readable, writable }: Awaited<InstanceType<Tunnel['TCPSocket']>['opened']>,
  size: number,
  progress: Progress,
  hold: Hold,
) {
  const data = pattern(size);
  const writer = writable.getWriter();
  for (let at = 0; at < size; at += 65_536) {
    const part = data.subarray(at, at + 65_536);
    await writer.write(part);
    moved(progress, part.length);
    if (progress.bytes >= hold.at) await hold.released;
  }
  const { retransmits } = await socket.info();
  await writer.close();
  const arrived = await new Response(readable).text();
  return {
    told: { sent: `${size} ${await sha256(data)}`, arrived },
    retransmits,
  };
}
