// A door before a relay that hears both sides: what a page shows to get in, and what it is given to come back.
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import {
  BEARER_PREFIX,
  CONTROL_CHANNEL,
  RecordReader,
  readControl,
  SUBPROTOCOL,
  TICKET,
  WELCOME,
} from '../../src/core/wire/relay.ts';

export class RelayTap {
  readonly url: string;
  /** As pages showed them. */
  readonly tokens: string[] = [];
  /** With what a session is continued: tickets, and the secrets that go with them. */
  readonly tickets: Buffer[] = [];
  readonly secrets: Buffer[] = [];
  readonly #relay: string;
  readonly #server: WebSocketServer;

  private constructor(relay: string, server: WebSocketServer) {
    this.#relay = relay;
    this.#server = server;
    this.url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
    server.on('connection', (page, request) => this.#lead(page, request));
  }

  static async start(relay: string): Promise<RelayTap> {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0, handleProtocols: () => SUBPROTOCOL });
    await once(server, 'listening');
    return new RelayTap(relay, server);
  }

  async stop(): Promise<void> {
    for (const page of this.#server.clients) page.terminate();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #lead(page: WebSocket, { headers }: IncomingMessage): void {
    const protocols = headers['sec-websocket-protocol']!.split(/, ?/);
    for (const protocol of protocols)
      if (protocol.startsWith(BEARER_PREFIX)) this.tokens.push(protocol.slice(BEARER_PREFIX.length));
    const relay = new WebSocket(this.#relay, protocols, {
      origin: headers.origin!,
      perMessageDeflate: false,
    });
    const early: Buffer[] = [];
    page.on('message', (message: Buffer) => {
      if (relay.readyState === WebSocket.OPEN) relay.send(message);
      else early.push(message);
    });
    relay.on('open', () => {
      for (const message of early) relay.send(message);
    });
    relay.on('message', (message: Buffer) => {
      this.#note(message);
      page.send(message);
    });
    relay.on('error', () => page.terminate());
    // 1005 and 1006 say that there was no word of farewell.
    relay.on('close', (code, reason) =>
      code < 1005 || code > 1006 ? page.close(code, reason) : page.terminate(),
    );
    page.on('close', () => relay.close());
  }

  #note(message: Buffer): void {
    const reader = new RecordReader();
    reader.begin(message);
    while (reader.next()) {
      if (reader.channel !== CONTROL_CHANNEL) continue;
      const control = readControl(message, reader.start, reader.end);
      if (control?.type === TICKET) this.tickets.push(Buffer.from(control.ticket));
      if (control?.type === WELCOME) this.secrets.push(Buffer.from(control.secret));
    }
  }
}
