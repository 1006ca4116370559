// What the WICG Direct Sockets specification says, sentence by sentence, in the draft of 24 February 2026. Where we differ is
// in src/client/README.md. Both ends are ours, on a stack that reaches itself: in Node, and in browsers (page/).
import { describe, expect, it } from 'vitest';
import type { TCPSocket, TCPSocketOpenInfo, TCPSocketOptions } from '../../../src/client/tcp-socket.ts';
import type { Tunnel } from '../../../src/client/tunnel.ts';
import { hasTest, OUR_V4, openGround } from './ground.ts';

/** Of the specification's table of contents, all but 6 (considerations), 7 (the IDL again) and 8 (conformance). */
export const SECTIONS = [
  ...['1', '1.1', '1.1.1', '1.2', '1.3', '1.4', '1.4.1', '1.5', '1.6'],
  ...['2', '2.1', '2.1.1', '2.1.2', '2.2', '2.3', '2.4', '2.4.1', '2.5', '2.6'],
  ...['3', '3.1', '3.2', '3.3', '3.4', '3.5'],
  ...['4', '4.1', '4.1.1', '4.2', '4.3', '4.3.1', '4.4', '4.5'],
  ...['5.1', '5.2', '5.3'],
] as const;

export type Section = (typeof SECTIONS)[number];

/** `holds` shows it here; `in` is the file elsewhere, and the test in it, that does. */
export type Row = { section: Section; says: string } & (
  | { holds: (lab: Lab) => void | Promise<void> }
  | { in: [file: string, title: string] }
);

export function table(title: string, rows: readonly Row[]): void {
  describe(title, () => {
    for (const row of rows)
      it(`§${row.section}: ${row.says}`, async () => {
        if ('holds' in row) await hold(row.holds);
        else expect(hasTest(...row.in), row.in.join(': ')).toBe(true);
      });
  });
}

async function hold(holds: (lab: Lab) => void | Promise<void>): Promise<void> {
  const ground = await openGround();
  try {
    await holds(new Lab(ground));
  } finally {
    await ground.end();
  }
}

export interface End {
  socket: TCPSocket;
  info: TCPSocketOpenInfo;
}

/** What a row stands on: a tunnel that leads to itself. */
export interface Ground {
  readonly tunnel: Pick<Tunnel, 'TCPSocket' | 'TCPServerSocket' | 'UDPSocket'>;
  /** The row is over. */
  end(): Promise<void>;
  /** Its engine is gone from one moment to the next. */
  die(): void;
  /** A turn after which what was posted before it is a step further. */
  turn(): Promise<unknown>;
  /** Rejections that nobody heard of until `undo`. */
  watchUnhandled(note: (reason: unknown) => void): () => void;
}

export class Lab {
  readonly tunnel: Ground['tunnel'];
  readonly #ground: Ground;

  constructor(ground: Ground) {
    this.#ground = ground;
    this.tunnel = ground.tunnel;
  }

  die(): void {
    this.#ground.die();
  }

  /** What is unhandled while `act` does, and shortly after. */
  async unhandledBy(act: () => void): Promise<unknown[]> {
    const unhandled: unknown[] = [];
    const undo = this.#ground.watchUnhandled((reason) => unhandled.push(reason));
    act();
    await this.quiet();
    undo();
    return unhandled;
  }

  /** Both ends of a TCP connection. */
  async pair(options: TCPSocketOptions = {}, theirOptions: { port?: number } = {}): Promise<[End, End]> {
    const server = new this.tunnel.TCPServerSocket('::', {
      localPort: theirOptions.port ?? 80,
      noDelay: true,
    });
    const reader = (await server.opened).readable.getReader();
    const socket = new this.tunnel.TCPSocket(OUR_V4, theirOptions.port ?? 80, { noDelay: true, ...options });
    const info = await socket.opened;
    const { value: other } = await reader.read();
    reader.releaseLock();
    return [
      { socket, info },
      { socket: other!, info: await other!.opened },
    ];
  }

  /** Until whatever was posted has arrived. */
  async quiet(): Promise<void> {
    for (let turn = 0; turn < 12; turn++) await this.#ground.turn();
  }

  /** `pending`, `fulfilled`, or what it was rejected with. */
  async stateOf(promise: Promise<unknown>): Promise<unknown> {
    const settled = promise.then(
      () => 'fulfilled',
      (reason: unknown) => reason ?? 'rejected',
    );
    return Promise.race([settled, this.quiet().then(() => 'pending')]);
  }
}

export const HELLO = new TextEncoder().encode('hello');

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Writes, and leaves the stream unlocked. */
export async function write(stream: WritableStream, ...chunks: unknown[]): Promise<void> {
  const writer = stream.getWriter();
  try {
    for (const chunk of chunks) await writer.write(chunk);
  } finally {
    writer.releaseLock();
  }
}

/** To the end, and leaves the stream unlocked. */
export async function readAll(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const reader = stream.getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) parts.push(read.value);
  reader.releaseLock();
  return new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
}

/** The next one, and leaves the stream unlocked. */
export async function next<T>(stream: ReadableStream<T>): Promise<T | undefined> {
  const reader = stream.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  return value;
}

export const NETWORK_ERROR = { name: 'NetworkError' };
export const INVALID_STATE = { name: 'InvalidStateError' };

/** For what no TypeScript program would say. */
export function untyped(made: unknown): new (...args: unknown[]) => object {
  return made as new (
    ...args: unknown[]
  ) => object;
}

/** The rows that are the same for each interface: what Web IDL makes of `interface`. */
export function interfaceRows(
  section: Section,
  name: 'TCPSocket' | 'UDPSocket' | 'TCPServerSocket',
  needed: number,
  make: (lab: Lab) => { opened: Promise<unknown>; closed: Promise<undefined> },
): Row[] {
  return [
    {
      section,
      says: `${name} is a constructor with its name, and ${needed} needed arguments`,
      holds: ({ tunnel }) => {
        expect(tunnel[name].name).toBe(name);
        expect(tunnel[name].length).toBe(needed);
        expect(() => (tunnel[name] as unknown as () => void)()).toThrow(TypeError);
        if (needed > 0) expect(() => new (untyped(tunnel[name]))()).toThrow(TypeError);
      },
    },
    {
      section,
      says: `opened, closed and close() are members of ${name}'s prototype, enumerable, and read-only`,
      holds: (lab) => {
        const { prototype } = lab.tunnel[name] as { prototype: object };
        const members: string[] = [];
        for (const member in prototype) members.push(member);
        expect(members.sort()).toEqual(['close', 'closed', 'opened']);
        const socket = make(lab);
        expect(() => Object.assign(socket, { opened: 1 })).toThrow(TypeError);
        expect(() => Object.assign(socket, { closed: 1 })).toThrow(TypeError);
      },
    },
    {
      section,
      says: `an instance says that it is a ${name}, and a class can extend it`,
      holds: (lab) => {
        const socket = make(lab);
        expect(Object.prototype.toString.call(socket)).toBe(`[object ${name}]`);
        expect(socket).toBeInstanceOf(lab.tunnel[name]);
        const Base = untyped(lab.tunnel[name]);
        class Mine extends Base {
          readonly mine = true;
        }
        const args = name === 'UDPSocket' ? [{ localAddress: '0.0.0.0' }] : ['0.0.0.0', 9];
        const mine = new Mine(...(name === 'TCPServerSocket' ? ['0.0.0.0'] : args));
        expect(mine).toBeInstanceOf(Mine);
        expect(mine).toBeInstanceOf(lab.tunnel[name]);
        expect(mine).toMatchObject({ mine: true });
      },
    },
    {
      section,
      says: `opened and closed of ${name} are the same promises each time`,
      holds: (lab) => {
        const socket = make(lab);
        expect(socket.opened).toBe(socket.opened);
        expect(socket.closed).toBe(socket.closed);
        expect(socket.opened).toBeInstanceOf(Promise);
      },
    },
  ];
}
