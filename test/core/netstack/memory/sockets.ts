import { IpAddress } from '../../../../src/core/address.ts';
import { LoneEngine } from '../../../support/lone-engine.ts';
import { OUR_V4 } from '../../../support/lone-stack.ts';
import { memoryInUse } from './weigh.ts';

/** What the objects of one TCP socket of the API may cost, the page's and the engine's together, in bytes. */
export const SOCKET_BOUND = 3 * 1024;

const PORT = 80;

/**
 * What one idle TCP socket of the API costs in bytes, on average of `count`, half of them accepted: the page's objects,
 * the engine's, and the channel between them, where both are in one process. Its connection does not count.
 */
export async function weighSocket(count: number): Promise<number> {
  // Once for the compiler, whose work stays in the heap.
  for (const connect of [connectSockets, connectOnly]) await weight(connect, count / 10);
  return ((await weight(connectSockets, count)) - (await weight(connectOnly, count))) / count;
}

/** Nothing of it is let go, so that none of it is missing from what is weighed next. */
const alive: unknown[] = [];

async function weight(connect: (count: number) => Promise<unknown[]>, count: number): Promise<number> {
  const before = memoryInUse();
  alive.push(await connect(count));
  return memoryInUse() - before;
}

/** Connections of a stack with itself, each seen from both ends. */
async function connectOnly(count: number): Promise<unknown[]> {
  const { lone, settle } = new LoneEngine();
  const listener = lone.stack.listenTcp({ port: PORT }, lone.now);
  const remote = { address: IpAddress.parse(OUR_V4)!, port: PORT };
  const ends: unknown[] = [lone];
  for (let i = 0; i < count / 2; i++) {
    const connection = lone.stack.connectTcp(remote, {}, lone.now);
    settle();
    ends.push(connection, listener.accept()!);
  }
  return ends;
}

async function connectSockets(count: number): Promise<unknown[]> {
  const engine = new LoneEngine();
  const { readable } = await engine.listen('0.0.0.0', { localPort: PORT }).opened;
  const accepted = readable.getReader();
  const ends: unknown[] = [engine];
  for (let i = 0; i < count / 2; i++) {
    const client = engine.connect(OUR_V4, PORT);
    await client.opened;
    const { value: server } = await accepted.read();
    await server!.opened;
    ends.push(client, server);
  }
  return ends;
}
