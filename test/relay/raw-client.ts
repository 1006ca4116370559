import { connect, type Socket } from 'node:net';

export interface UpgradeRequest {
  method?: string;
  path?: string;
  version?: string;
  headers?: Record<string, string | undefined>;
}

/** A TCP connection on which a test writes what no WebSocket library would. */
export class RawClient {
  readonly socket: Socket;
  received = Buffer.alloc(0);
  closedAt: number | undefined;
  readonly #since = performance.now();

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.received = Buffer.concat([this.received, chunk]);
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closedAt = performance.now() - this.#since;
    });
  }

  static async connect(port: number): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: false });
    const client = new RawClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return client;
  }

  write(bytes: string | Uint8Array): void {
    this.socket.write(bytes);
  }

  upgrade({ method = 'GET', path = '/v1', version = '1.1', headers = {} }: UpgradeRequest = {}): void {
    const all: Record<string, string | undefined> = {
      Host: '127.0.0.1',
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Protocol': 'wgrelay.v1',
      ...headers,
    };
    const lines = Object.entries(all).flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}: ${value}`],
    );
    this.write(`${[`${method} ${path} HTTP/${version}`, ...lines].join('\r\n')}\r\n\r\n`);
  }

  /** The HTTP status of the answer, as soon as there is one. */
  get status(): number | undefined {
    const match = /^HTTP\/1\.[01] (\d{3})/.exec(this.received.toString('latin1'));
    return match ? Number(match[1]) : undefined;
  }

  /** The code of the close frame, if the last thing received is one. */
  get closeCode(): number | undefined {
    let at = this.received.indexOf('\r\n\r\n') + 4;
    while (at + 2 <= this.received.length) {
      const opcode = this.received[at]! & 15;
      let length = this.received[at + 1]! & 127;
      let header = 2;
      if (length === 126) {
        length = this.received.readUInt16BE(at + 2);
        header = 4;
      }
      if (opcode === 8) return this.received.readUInt16BE(at + header);
      at += header + length;
    }
    return undefined;
  }
}

export interface FrameOptions {
  opcode?: number;
  fin?: boolean;
  rsv?: number;
  masked?: boolean;
  /** What the header claims, if not the truth. */
  length?: number | bigint;
}

/** One WebSocket frame (RFC 6455 §5.2), right or wrong. */
export function frame(payload: Uint8Array | string = '', options: FrameOptions = {}): Buffer {
  const { opcode = 2, fin = true, rsv = 0, masked = true } = options;
  const body = Buffer.from(payload as string);
  const length = options.length ?? body.length;
  const first = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  let header: Buffer;
  if (length < 126) {
    header = Buffer.from([first, Number(length)]);
  } else if (length < 65_536) {
    header = Buffer.alloc(4);
    header[0] = first;
    header[1] = 126;
    header.writeUInt16BE(Number(length), 2);
  } else {
    header = Buffer.alloc(10);
    header[0] = first;
    header[1] = 127;
    header.writeBigUInt64BE(BigInt(length), 2);
  }
  if (!masked) return Buffer.concat([header, body]);
  header[1]! |= 0x80;
  // A mask of zeros is a mask.
  return Buffer.concat([header, Buffer.alloc(4), body]);
}
