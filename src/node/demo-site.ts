import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { StreamDuplex } from './stream-duplex.ts';

const ECHO_PATH = '/echo';
/** Bytes of a WebSocket message. */
const MAX_MESSAGE = 1024 * 1024;
const DOWNLOAD_BYTES = 8 * 1024 * 1024;

/** The web site inside the demo's network, served by Node's own HTTP server over Tabwire's streams. */
export class DemoSite {
  static readonly downloadPath = '/download/8MiB.bin';
  readonly #download = randomBytes(DOWNLOAD_BYTES);
  readonly #digest = createHash('sha256').update(this.#download).digest('base64');
  readonly #server: Server;
  readonly #webSockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE });

  constructor() {
    this.#server = createServer((request, response) => this.#answer(request, response));
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
  }

  /** Serves one connection; resolves when it is over. */
  serve(socket: {
    readable: ReadableStream<Uint8Array<ArrayBuffer>>;
    writable: WritableStream<BufferSource>;
  }): Promise<void> {
    const duplex = new StreamDuplex(socket);
    return new Promise((resolve) => {
      duplex.on('error', () => {}); // its end is told by 'close'
      duplex.on('close', resolve);
      this.#server.emit('connection', duplex);
    });
  }

  /** A WebSocket that says again whatever it is told. */
  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (request.url !== ECHO_PATH) {
      socket.end('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
      return;
    }
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      webSocket.on('error', () => {}); // its end is told by the connection's
      webSocket.on('message', (data: Buffer, isBinary) => webSocket.send(data, { binary: isBinary }));
    });
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    if (request.method === 'POST' && request.url === DemoSite.downloadPath) {
      this.#discard(request, response);
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
    } else if (request.url === '/') {
      this.#send(response, 'text/html; charset=utf-8', Buffer.from(HOME_PAGE));
    } else if (request.url === DemoSite.downloadPath) {
      // RFC 9530: whoever downloads can check that every byte came through.
      response.setHeader('repr-digest', `sha-256=:${this.#digest}:`);
      this.#send(response, 'application/octet-stream', this.#download);
    } else {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('There is nothing here.\n');
    }
  }

  /** For a throughput test upwards: how much came, and nothing else of it, is remembered until the answer. */
  #discard(request: IncomingMessage, response: ServerResponse): void {
    let bytes = 0;
    request.on('data', (chunk: Buffer) => (bytes += chunk.length));
    request.on('end', () => this.#send(response, 'text/plain', Buffer.from(`${bytes}\n`)));
  }

  #send(response: ServerResponse, type: string, body: Buffer): void {
    response.writeHead(200, { 'content-type': type, 'content-length': body.length });
    response.end(response.req.method === 'HEAD' ? undefined : body);
  }
}

const HOME_PAGE = `<!doctype html>
<html lang="en">
<title>Inside the tunnel</title>
<h1>You are inside</h1>
<p>This page came out of a private network, through WireGuard, into a browser tab.</p>
</html>
`;
