import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { DemoPeer } from '../node/demo-peer.ts';
import { createRelay, type Relay } from '../relay-host/index.ts';
import { ConsoleFiles } from './console-files.ts';
import { writeDemoConfig } from './demo-config.ts';
import { publicKeyIn, sendJson, strangeness } from './own-page.ts';
import { reasonOf } from './system-error.ts';

const USAGE = `Usage: tabwire demo [--port PORT] [--write FILE.conf] [--origin ORIGIN]…

Starts, on loopback only: a WireGuard peer with demo services, a relay that may reach nothing but that peer, and
the console. Open the printed URL and click "Try the demo network". Ctrl-C stops everything.

  --port PORT         where the console listens (default 8686, or any free port when that is taken)
  --write FILE.conf   also writes a configuration of its network, for \`tabwire ping FILE.conf demo.internal\`,
                      \`tabwire connect\` and programs of your own; FILE.conf must be new, or an earlier demo's
  --origin ORIGIN     a page of yours, such as http://localhost:5173, that may use the relay too; may be repeated
`;
const DEFAULT_PORT = 8686;
const HOST = '127.0.0.1';

/** A running demo; `url` is where the console is, `relay` where pages find theirs. */
export interface Demo {
  url: string;
  relay: string;
  close(): Promise<void>;
}

export interface DemoOptions {
  /** Default: 8686, or a free one when that is taken. */
  port?: number;
  /** Where a configuration goes, if one is wanted. */
  file?: string;
  /** Pages beside the console that may use the relay. */
  origins?: readonly string[];
}

export async function runDemo(args: string[]): Promise<void> {
  const options = {
    port: { type: 'string' },
    write: { type: 'string' },
    origin: { type: 'string', multiple: true },
    help: { type: 'boolean' },
  } as const;
  const { values } = parseArgs({ args, options });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  if (values.port !== undefined && !(/^\d+$/.test(values.port) && Number(values.port) < 65536)) {
    throw new Error('--port must be a number from 0 to 65535.');
  }
  const { port, write: file, origin: origins } = values;
  const demo = await startDemo({ ...(port !== undefined && { port: Number(port) }), file, origins });
  process.stdout.write(`Tabwire is at ${demo.url}\n`);
  if (file !== undefined || origins) process.stdout.write(`Its relay is at ${demo.relay}\n`);
  await new Promise((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
  await demo.close();
}

/** Rejects with one sentence, and has started nothing then. */
export async function startDemo({ port, file, origins = [] }: DemoOptions = {}): Promise<Demo> {
  const files = ConsoleFiles.load();
  const peer = await DemoPeer.start();
  let relay: Relay | undefined;
  const server = createServer((request, response) => {
    if (relay?.handleRequest(request, response)) return;
    answer(request, response, peer, files).catch(() => response.destroy());
  });
  const close = async () => {
    await relay?.close();
    server.closeAllConnections();
    server.close();
    await peer.close();
  };
  try {
    const host = `${HOST}:${await listen(server, port)}`;
    const own = [`http://${host}`, `http://${host.replace(HOST, 'localhost')}`];
    // Nothing but loopback reaches it, and programs there reach the peer anyway.
    relay = createRelay({ allow: [peer.endpoint], allowNoOrigin: true, origins: [...own, ...origins] });
    relay.attach(server);
    if (file !== undefined) writeDemoConfig(peer, file);
    return { url: `http://${host}/`, relay: `ws://${host}/v1`, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function listen(server: Server, port: number | undefined): Promise<number> {
  const tryPort = async (wanted: number) => {
    server.listen(wanted, HOST);
    try {
      await once(server, 'listening');
    } catch (error) {
      throw new Error(`--port: cannot listen on ${HOST}:${wanted}: ${reasonOf(error)}`);
    }
    return (server.address() as AddressInfo).port;
  };
  if (port !== undefined) return tryPort(port);
  return tryPort(DEFAULT_PORT).catch(() => tryPort(0));
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  peer: DemoPeer,
  files: ConsoleFiles,
): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', `http://${HOST}`);
  if (pathname === '/tabwire.json') {
    sendJson(response, 200, { relay: '/v1', demo: { enrol: '/demo/enrol' } });
  } else if (pathname === '/demo/enrol') {
    await enrol(request, response, peer);
  } else {
    files.answer(request, response, pathname);
  }
}

/** A page gives its public key and gets a configuration. */
async function enrol(request: IncomingMessage, response: ServerResponse, peer: DemoPeer): Promise<void> {
  const refusal = strangeness(request, true);
  if (refusal) return sendJson(response, refusal.status, { error: refusal.error });
  const enrolment = peer.enrol(await publicKeyIn(request));
  if (enrolment) sendJson(response, 200, enrolment);
  else sendJson(response, 400, { error: 'publicKey must be 44 base64 characters (32 bytes).' });
}
