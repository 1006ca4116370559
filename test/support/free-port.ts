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

async function free(open: (port: number) => Socket | Server): Promise<number> {
  for (let tries = 0; tries < TRIES; tries++) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    const socket = open(port);
    try {
      await once(socket, 'listening');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') continue;
      throw error;
    }
    socket.close();
    await once(socket, 'close');
    return port;
  }
  throw new Error(`no free port in ${TRIES} tries from ${FIRST} on`);
}
