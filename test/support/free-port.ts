// Ports for programs that have to be told theirs. They lie below those that Linux gives to whoever does not ask for one
// (ip_local_port_range), so that nobody gets one before the program has it, however many connections there are.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

const [FIRST, COUNT] = [10_240, 22_528];
const TRIES = 50;

/** A UDP port that is free on every address. */
export function freeUdpPort(): Promise<number> {
  return free((port) => createSocket('udp6').bind(port, '::'));
}

/** A TCP port that is free on every address. */
export function freeTcpPort(): Promise<number> {
  return free((port) => createServer().listen(port, '::'));
}

/** A port that is free on every address for TCP and for UDP. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES; tries++) {
    const port = await freeTcpPort();
    if (await isFree(createSocket('udp6').bind(port, '::'))) return port;
  }
  throw none();
}

async function free(open: (port: number) => Socket | Server): Promise<number> {
  for (let tries = 0; tries < TRIES; tries++) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (await isFree(open(port))) return port;
  }
  throw none();
}

async function isFree(socket: Socket | Server): Promise<boolean> {
  try {
    await once(socket, 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false;
    throw error;
  }
  socket.close();
  await once(socket, 'close');
  return true;
}

function none(): Error {
  return new Error(`no free port in ${TRIES} tries from ${FIRST} on`);
}
