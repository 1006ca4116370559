// Stands for a wstunnel server: as strict as its source, and where that is lenient, stricter. What it takes from a request,
// and what it answers, follows tunnel/server/{utils,server,handler_websocket}.rs, tunnel/transport/{jwt,io,websocket}.rs and
// tunnel/mod.rs of erebe/wstunnel 10, field by field.
import { createSocket } from 'node:dgram';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';

const BEARER = 'authorization.bearer.';

export interface WstunnelTarget {
  id: string;
  host: string;
  port: number;
}

export class WstunnelServer {
  readonly targets: WstunnelTarget[] = [];
  /** Why upgrades were refused. The client is told nothing but 400. */
  readonly refusals: string[] = [];
  readonly sockets = new Set<WebSocket>();
  readonly #http: Server;
  readonly #prefix: string | undefined;
  readonly #webSockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    handleProtocols: () => 'v1',
  });

  private constructor(prefix: string | undefined) {
    this.#prefix = prefix;
    this.#http = createServer((_request, response) => response.writeHead(400).end());
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
  }

  /** @param prefix the only one that is served, as with --restrict-http-upgrade-path-prefix */
  static async start(prefix?: string): Promise<WstunnelServer> {
    const server = new WstunnelServer(prefix);
    await new Promise<void>((resolve) => server.#http.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.terminate();
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    let target: WstunnelTarget;
    try {
      target = this.#judge(request);
    } catch (error) {
      this.refusals.push((error as Error).message);
      socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
      return;
    }
    this.targets.push(target);
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => this.#join(webSocket, target));
  }

  #judge({ url = '', headers }: IncomingMessage): WstunnelTarget {
    const [path, query] = url.split('?', 2);
    if (query !== undefined) throw new Error('a query');
    const slash = path!.indexOf('/', 1);
    if (slash < 0 || path!.slice(slash + 1) !== 'events') throw new Error(`path ${path}`);
    const prefix = path!.slice(1, slash);
    if (this.#prefix !== undefined && prefix !== this.#prefix) throw new Error(`prefix ${prefix}`);
    const offered = headers['sec-websocket-protocol'] ?? '';
    // Browsers write a space between the two, Node's ws does not.
    if (!/^v1, ?authorization\.bearer\./.test(offered)) throw new Error(`subprotocols ${offered}`);
    // All that stands behind the prefix is the token, to the end of the header.
    return readToken(offered.slice(offered.indexOf(BEARER) + BEARER.length));
  }

  #join(webSocket: WebSocket, { host, port }: WstunnelTarget): void {
    this.sockets.add(webSocket);
    const family = host.startsWith('[') ? 'udp6' : 'udp4';
    const udp = createSocket(family);
    const end = (): void => {
      webSocket.close(1000);
      this.sockets.delete(webSocket);
      udp.removeAllListeners('message');
    };
    udp.on('error', end);
    udp.connect(port, host.replace(/^\[(.*)\]$/, '$1'), () => {
      // A message is not put together from its frames: each frame is a datagram of its own.
      webSocket.on('message', (message: Buffer, isBinary) => {
        if (isBinary) udp.send(message);
      });
      udp.on('message', (datagram) => webSocket.send(datagram));
    });
    webSocket.on('error', () => {});
    webSocket.on('close', () => {
      this.sockets.delete(webSocket);
      udp.close();
    });
  }
}

function readToken(token: string): WstunnelTarget {
  const parts = token.split('.');
  if (parts.length !== 3 || parts.some((part) => !/^[A-Za-z0-9_-]+$/.test(part)))
    throw new Error('three parts');
  const [header, claims] = parts
    .slice(0, 2)
    .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>);
  if (header!.alg !== 'HS256' || header!.typ !== 'JWT') throw new Error('header');
  if (Buffer.from(parts[2]!, 'base64url').length !== 32) throw new Error('signature');
  const { id, p, r, rp, ...others } = claims!;
  if (Object.keys(others).length > 0) throw new Error(`claims ${Object.keys(others).join()}`);
  if (typeof id !== 'string' || id === '') throw new Error('id');
  // Rust's serde: an enum is an object with its variant's name, an Option that is absent is null.
  if (JSON.stringify(p) !== '{"Udp":{"timeout":null}}') throw new Error(`p ${JSON.stringify(p)}`);
  if (!Number.isInteger(rp) || (rp as number) < 1 || (rp as number) > 65_535) throw new Error('rp');
  if (typeof r !== 'string' || !/^(\[[0-9a-f:.]+\]|[^:[\]]+)$/.test(r)) throw new Error(`r ${String(r)}`);
  return { id, host: r, port: rp as number };
}
