// The page of the soak: one tunnel, an echo that counts every packet, and a transfer now and then. `window.soak` is
// how main.ts starts it and asks how it goes.
import { Tunnel } from '../../../src/index.ts';
import { exchange, pattern, readAll, send, sha256 } from '../../harness/page.ts';
import { EchoLedger, type EchoReport } from './echo-ledger.ts';

export interface SoakOptions {
  config: string;
  relay: string;
  /** Inside the tunnel: UDP 7 echoes, TCP 9 answers with length and hash, TCP 80 serves the file. */
  host: string;
  file: { path: string; size: number; sha256: string };
}

export interface SoakReport {
  seconds: number;
  echo: EchoReport;
  transfers: { good: number; bytes: number; failures: string[] };
  handshakes: number;
  errors: string[];
  drops: Record<string, Record<string, number>>;
}

declare global {
  interface Window {
    soak: {
      start(options: SoakOptions): Promise<void>;
      report(): Promise<SoakReport>;
      stop(): Promise<SoakReport>;
    };
  }
}

const ECHO_INTERVAL = 50;
const TRANSFER_INTERVAL = 4000;
const UPLOAD_SIZE = 1024 * 1024;
/** In flight at a time. A burst as long as a file can overflow the kernel's UDP buffers, and the link is not clean. */
const FLIGHT = 65_536;

let tunnel: Tunnel;
let began = 0;
let echoing = true;
let stopping = false;
const echo = new EchoLedger();
const transfers = { good: 0, bytes: 0, failures: [] as string[] };
const errors: string[] = [];
let handshakes = 0;

window.soak = { start, report, stop };
document.title = 'ready';

async function start(options: SoakOptions): Promise<void> {
  tunnel = await Tunnel.open(options.config, { relay: options.relay });
  tunnel.addEventListener('handshake', () => handshakes++);
  tunnel.addEventListener('error', ({ detail }) => note(errors, detail.error));
  await tunnel.ready;
  began = performance.now();
  void echoFor(options.host).catch(failed);
  void transferFor(options);
}

/** Asks for nothing but numbers; the page goes on meanwhile. */
async function report(): Promise<SoakReport> {
  const { drops } = await tunnel.status();
  return {
    seconds: (performance.now() - began) / 1000,
    echo: echo.report(performance.now()),
    transfers,
    handshakes,
    errors,
    drops,
  };
}

/** The last report: nothing new is sent, and what is under way gets its time. */
async function stop(): Promise<SoakReport> {
  stopping = true;
  echoing = false;
  const until = performance.now() + 5000;
  while (echo.outstanding > 0 && performance.now() < until) await sleep(50);
  const last = await report();
  await tunnel.close();
  return last;
}

async function echoFor(host: string): Promise<void> {
  const socket = new tunnel.UDPSocket({ remoteAddress: host, remotePort: 7 });
  const { readable, writable } = await socket.opened;
  void (async () => {
    const reader = readable.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const data = value.data as Uint8Array;
      echo.received(data, performance.now());
    }
  })().catch(failed);
  const writer = writable.getWriter();
  // By the clock, so that a late timer does not slow it down.
  for (let due = performance.now(); echoing; due += ECHO_INTERVAL) {
    await sleep(due - performance.now());
    if (echoing) await writer.write({ data: echo.next(performance.now()) });
  }
}

async function transferFor({ host, file }: SoakOptions): Promise<void> {
  for (let n = 0; !stopping; n++) {
    await sleep(TRANSFER_INTERVAL);
    if (stopping) return;
    try {
      transfers.bytes += n % 2 === 0 ? await pull(host, file) : await push(host, n);
      transfers.good++;
    } catch (error) {
      if (!stopping) note(transfers.failures, error);
    }
  }
}

async function pull(host: string, file: SoakOptions['file']): Promise<number> {
  const request = `GET ${file.path} HTTP/1.0\r\nHost: inside\r\n\r\n`;
  const socket = new tunnel.TCPSocket(host, 80, { receiveBufferSize: FLIGHT });
  const { readable, writable } = await socket.opened;
  await send(writable, request);
  const answer = await readAll(readable);
  await socket.close();
  await socket.closed;
  const body = answer.subarray(answer.length - file.size);
  if (answer.length <= file.size || (await sha256(body)) !== file.sha256)
    throw new Error(`download: ${answer.length} bytes with the header, or another hash`);
  return body.length;
}

async function push(host: string, n: number): Promise<number> {
  const data = pattern(UPLOAD_SIZE, n);
  const answer = new TextDecoder().decode(await exchange(tunnel, host, 9, data, { sendBufferSize: FLIGHT }));
  const wanted = `${data.length} ${await sha256(data)}`;
  if (answer !== wanted) throw new Error(`upload: sent ${wanted}, arrived ${answer}`);
  return data.length;
}

/** A stream that ends with the tunnel has not failed. */
function failed(error: unknown): void {
  if (!stopping) note(errors, error);
}

function note(list: string[], error: unknown): void {
  if (list.length < 20) list.push(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, milliseconds)));
}
