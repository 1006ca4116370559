import { connect } from '../../src/shims/net.ts';

/** Opens and ends so many connections to an echo, some at a time; each says one line and hears it. */
export async function manySockets(host: string, port: number, count: number): Promise<number> {
  let heard = 0;
  let left = count;
  const one = () =>
    new Promise<void>((resolve, reject) => {
      const socket = connect(port, host);
      socket.on('error', reject);
      socket.on('close', () => resolve());
      socket.on('data', (data: Uint8Array) => {
        heard += data.length === 5 ? 1 : 0;
        socket.end();
      });
      socket.write('hello');
    });
  const worker = async () => {
    while (left-- > 0) await one();
  };
  await Promise.all(Array.from({ length: 20 }, worker));
  return heard;
}

interface Paused {
  received: number;
  resume: () => void;
  whole: Promise<number>;
}

let paused: Paused | undefined;

/** Connects, asks, and reads nothing of what comes. */
export async function beginUnread(host: string, port: number, request: string): Promise<void> {
  const socket = connect(port, host);
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  const state: Paused = {
    received: 0,
    resume: () => socket.resume(),
    whole: new Promise((resolve, reject) => {
      socket.on('end', () => resolve(state.received)).on('error', reject);
    }),
  };
  socket.on('data', (data: Uint8Array) => {
    state.received += data.length;
  });
  socket.pause();
  socket.write(request);
  paused = state;
}

/** Reads on: how many milliseconds until so many bytes were there, which are more than could have waited, and how many came. */
export async function readOn(bytes: number): Promise<{ movedAfter: number; received: number }> {
  const before = performance.now();
  paused!.resume();
  while (paused!.received < bytes) await new Promise((resolve) => setTimeout(resolve, 1));
  const movedAfter = performance.now() - before;
  return { movedAfter, received: await paused!.whole };
}
