// Initiations that cost a WireGuard peer a DH each and lead nowhere: random but for the form and a valid mac1, which
// everyone can make who knows the peer's public key (WG §5.4.4).
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { blake2s } from '@noble/hashes/blake2.js';

const INITIATION_SIZE = 148;
const MAC1 = 116;

export interface FloodWish {
  /** Messages in a burst, sent as fast as one thread can, and how many bursts, so many milliseconds apart. */
  burst: number;
  bursts: number;
  every: number;
}

export interface Flood {
  /** The first cookie reply came: the peer is under load. */
  loaded: Promise<void>;
  /** Resolves with how many cookie replies came. */
  over: Promise<number>;
}

/** Floods 127.0.0.1:`port` and ends. */
export function floodWithInitiations(publicKey: string, port: number, wish: FloodWish): Flood {
  let tell = () => {};
  const loaded = new Promise<void>((resolve) => (tell = resolve));
  return { loaded, over: flood(publicKey, port, wish, tell) };
}

async function flood(
  publicKey: string,
  port: number,
  { burst, bursts, every }: FloodWish,
  tell: () => void,
): Promise<number> {
  const key = blake2s(Buffer.concat([Buffer.from('mac1----'), Buffer.from(publicKey, 'base64')]));
  const messages = Array.from({ length: burst }, () => initiation(key));
  const socket = createSocket({ type: 'udp4', sendBufferSize: 1 << 20 });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  let cookies = 0;
  socket.on('message', (message) => {
    if (message[0] !== 3) return;
    cookies++;
    tell();
  });
  for (let i = 0; i < bursts; i++) {
    for (const message of messages) socket.send(message, port, '127.0.0.1');
    await delay(every);
  }
  socket.close();
  return cookies;
}

function initiation(key: Uint8Array): Buffer {
  const message = randomBytes(INITIATION_SIZE);
  message.writeUInt32LE(1, 0);
  const mac1 = blake2s(message.subarray(0, MAC1), { key, dkLen: 16 });
  message.set(mac1, MAC1);
  message.fill(0, MAC1 + 16);
  return message;
}
