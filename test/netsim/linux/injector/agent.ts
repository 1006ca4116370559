// The applications of the Linux that is given raw packets: `node --import tsx agent.ts`, in its namespace. A TCP listener
// on port 80, a UDP socket on port 53. Each line of its input is a Wish in JSON, each line of its output an Answer.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setImmediate as turn } from 'node:timers/promises';
import { type Seen, TCP_PORT, UDP_PORT } from './subject.ts';

export interface Wish {
  do: 'connect' | 'accepted' | 'write' | 'pause' | 'resume' | 'shutdown' | 'seen' | 'messages' | 'end';
  /** The peer's. */
  port: number;
  /** To connect. */
  address?: string;
  localPort?: number;
  bytes?: number;
}

export interface Answer {
  seen?: Seen | undefined;
  messages?: number[];
}

/** Seconds: it is late, or was refused. */
const MOST_TURNS = 1_000_000;

interface Open extends Seen {
  socket: Socket;
}

const open = new Map<number, Open>();
let messages: number[] = [];

function add(socket: Socket, port: number): void {
  const entry: Open = { socket, bytes: 0, ended: false, failed: false };
  open.set(port, entry);
  socket.on('data', (chunk: Buffer) => {
    entry.bytes += chunk.length;
  });
  socket.on('end', () => {
    entry.ended = true;
  });
  socket.on('error', () => {
    entry.failed = true;
  });
}

async function perform({ do: what, port, address, localPort, bytes }: Wish): Promise<Answer> {
  const entry = open.get(port);
  switch (what) {
    case 'connect':
      add(connect({ host: address!, port, localPort: localPort!, allowHalfOpen: true }), port);
      return {};
    case 'accepted':
      for (let turns = 0; !open.has(port) && turns < MOST_TURNS; turns++) await turn();
      return {};
    case 'write':
      entry!.socket.write(new Uint8Array(bytes!));
      return {};
    case 'pause':
      entry!.socket.pause();
      return {};
    case 'resume':
      entry!.socket.resume();
      return {};
    case 'shutdown':
      entry!.socket.end();
      return {};
    case 'end':
      entry?.socket.resetAndDestroy();
      open.delete(port);
      return {};
    case 'messages': {
      await lookAround();
      const got = messages;
      messages = [];
      return { messages: got };
    }
    case 'seen':
      await lookAround();
      return { seen: open.has(port) ? { ...open.get(port)!, socket: undefined } : undefined } as Answer;
  }
}

/** Whatever the kernel has for us is taken first. */
async function lookAround(): Promise<void> {
  for (let i = 0; i < 3; i++) await turn();
}

const server = createServer({ allowHalfOpen: true }, (socket) => add(socket, socket.remotePort ?? 0));
server.listen(TCP_PORT, '::', 4000);
const udp = createSocket('udp6');
udp.on('message', ({ length }) => messages.push(length));
udp.bind(UDP_PORT, '::');
await Promise.all([once(server, 'listening'), once(udp, 'listening')]);
console.log('ready');
for await (const line of createInterface({ input: process.stdin }))
  console.log(JSON.stringify(await perform(JSON.parse(line) as Wish)));
