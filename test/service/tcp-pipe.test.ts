// What reaches the page, and in how many messages.
import { beforeEach, describe, expect, it } from 'vitest';
import type { Port } from '../../src/bridge/channel.ts';
import { CHUNK_BYTES, type StreamMessage } from '../../src/bridge/stream-port.ts';
import type { TcpConnection } from '../../src/core/netstack/tcp/connection.ts';
import { Noted } from '../../src/service/noted.ts';
import { TcpPipe } from '../../src/service/tcp-pipe.ts';

const PACKET = 1368;
const READ_AHEAD = 4 * CHUNK_BYTES;

class FakePort implements Port {
  onmessage: ((event: MessageEvent) => void) | null = null;
  /** Lengths of the chunks that came. */
  readonly chunks: number[] = [];
  /** Credit that was given. */
  readonly credits: number[] = [];

  postMessage(message: StreamMessage): void {
    if (message.type === 'data') this.chunks.push(message.bytes.length);
    if (message.type === 'credit') this.credits.push(message.bytes);
  }

  close(): void {}

  say(message: StreamMessage): void {
    this.onmessage?.({ data: message } as MessageEvent);
  }
}

/** A connection as far as its way up goes, and how much may be written. */
class FakeConnection {
  readonly state = 'ESTABLISHED';
  writableBytes = 0;
  mostWritableBytes = 2 * CHUNK_BYTES;
  readableBytes = 0;
  readEnded = false;

  readInto(target: Uint8Array): number {
    this.readableBytes -= target.length;
    return target.length;
  }

  write(bytes: Uint8Array): number {
    this.writableBytes -= bytes.length;
    return bytes.length;
  }

  awaitRoom(): void {}
}

let port: FakePort;
let connection: FakeConnection;
let pipe: TcpPipe;

function arrives(bytes: number): void {
  connection.readableBytes += bytes;
  pipe.drain();
}

beforeEach(() => {
  port = new FakePort();
  connection = new FakeConnection();
  const host = { noted: new Noted(), settle: () => pipe.drain(), finished: () => {} };
  pipe = new TcpPipe(1, connection as unknown as TcpConnection, port, host);
  port.say({ type: 'credit', bytes: READ_AHEAD });
});

describe('bytes for a page', () => {
  it('that reads them go at once, however few', () => {
    for (let i = 0; i < 10; i++) {
      arrives(PACKET);
      if (i % 2 === 1) port.say({ type: 'credit', bytes: 2 * PACKET });
    }
    expect(port.chunks).toEqual(new Array(10).fill(PACKET));
  });

  it('that has not read the last chunk yet are collected until they make one', () => {
    arrives(CHUNK_BYTES + PACKET);
    for (let i = 0; i < 60; i++) arrives(PACKET);
    expect(port.chunks).toEqual([CHUNK_BYTES, PACKET, CHUNK_BYTES]);
  });

  it('that catches up go with its next credit', () => {
    arrives(CHUNK_BYTES + PACKET);
    arrives(PACKET);
    arrives(PACKET);
    expect(port.chunks).toEqual([CHUNK_BYTES, PACKET]);
    port.say({ type: 'credit', bytes: CHUNK_BYTES + PACKET });
    expect(port.chunks).toEqual([CHUNK_BYTES, PACKET, 2 * PACKET]);
  });

  it('that is behind go all the same when they are the last', () => {
    arrives(CHUNK_BYTES + PACKET);
    connection.readEnded = true;
    arrives(PACKET);
    expect(port.chunks).toEqual([CHUNK_BYTES, PACKET, PACKET]);
  });

  it('that never reads stop where the credit ends', () => {
    for (let i = 0; i < 300; i++) arrives(PACKET);
    expect(port.chunks.reduce((sum, length) => sum + length)).toBe(READ_AHEAD);
  });
});

describe('room for what a page writes', () => {
  const room = (bytes: number) => {
    connection.writableBytes = bytes;
    pipe.drain();
  };

  it('is told in whole chunks, however little the last ACK freed', () => {
    room(2 * CHUNK_BYTES);
    port.say({ type: 'data', bytes: new Uint8Array(2 * CHUNK_BYTES) });
    for (let bytes = 0; bytes <= CHUNK_BYTES; bytes += 2048) room(bytes);
    expect(port.credits).toEqual([2 * CHUNK_BYTES, CHUNK_BYTES]);
  });

  it('is told in halves where there is less than that', () => {
    connection.mostWritableBytes = 8192;
    for (let bytes = 0; bytes <= 4096; bytes += 1024) room(bytes);
    expect(port.credits).toEqual([4096]);
  });
});
