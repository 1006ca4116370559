import { once } from 'node:events';
import { WebSocket } from 'ws';
import {
  CONTROL_CHANNEL,
  type Control,
  MAX_MESSAGE,
  OPEN,
  RecordReader,
  RecordWriter,
  readControl,
  SUBPROTOCOL,
  writeControl,
} from '../../src/core/wire/relay.ts';

/** A client that says what a test wants said, right or wrong, and notes every record that comes back. */
export class RelayClient {
  readonly socket: WebSocket;
  readonly controls: Control[] = [];
  readonly datagrams: { channel: number; body: Buffer }[] = [];
  messages = 0;
  closed: { code: number; reason: string } | undefined;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (message) => this.#receive(message as Buffer));
    socket.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() };
    });
    socket.on('error', () => {});
  }

  static async connect(url: string, options: object = {}, protocols = [SUBPROTOCOL]): Promise<RelayClient> {
    const client = new RelayClient(new WebSocket(url, protocols, { perMessageDeflate: false, ...options }));
    await Promise.race([
      once(client.socket, 'open'),
      once(client.socket, 'unexpected-response').then(([, response]) => {
        throw new Error(`HTTP ${(response as { statusCode: number }).statusCode}`);
      }),
    ]);
    return client;
  }

  open(channel: number, port: number, host = '127.0.0.1', flags = 0): Uint8Array {
    return writeControl({ type: OPEN, channel, flags, port, host });
  }

  /** One message of records. */
  send(...records: (readonly [channel: number, body: Uint8Array])[]): void {
    const writer = new RecordWriter(new Uint8Array(MAX_MESSAGE));
    for (const [channel, body] of records) writer.append(channel, body);
    this.socket.send(writer.bytes.subarray(0, writer.end));
  }

  control(body: Uint8Array): void {
    this.send([CONTROL_CHANNEL, body]);
  }

  of<Type extends Control['type']>(type: Type): Extract<Control, { type: Type }>[] {
    return this.controls.filter((control) => control.type === type) as Extract<Control, { type: Type }>[];
  }

  async close(): Promise<void> {
    if (this.socket.readyState === WebSocket.CLOSED) return;
    this.socket.terminate();
    await once(this.socket, 'close');
  }

  #receive(message: Buffer): void {
    this.messages++;
    const reader = new RecordReader();
    reader.begin(message);
    while (reader.next()) {
      if (reader.channel === CONTROL_CHANNEL) {
        const control = readControl(message, reader.start, reader.end);
        if (control === undefined || control.type === 0)
          throw new Error('the relay sent a bad control record');
        this.controls.push(control);
      } else {
        this.datagrams.push({
          channel: reader.channel,
          body: Buffer.from(message.subarray(reader.start, reader.end)),
        });
      }
    }
    if (reader.malformed) throw new Error('the relay sent a malformed message');
  }
}

/** Waits until `condition` holds; fails after `timeout` ms. */
export async function until(condition: () => boolean, what: string, timeout = 5000): Promise<void> {
  const deadline = performance.now() + timeout;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`timed out waiting for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Long enough for what is on its way over loopback to have arrived. */
export function settled(ms = 60): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
