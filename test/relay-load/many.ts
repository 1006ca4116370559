// Hostile cases that take great numbers: rows 53, 60 and 65 of the relay's table. `npm test` has them smaller.
import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import type { WebSocket } from 'ws';
import type { RelayContext } from '../../relay/context.ts';
import { RelayCounters } from '../../relay/counters.ts';
import { InitiationTurns } from '../../relay/initiation-turns.ts';
import { BucketTable, Tally } from '../../relay/limits.ts';
import { Policy } from '../../relay/policy.ts';
import { Session } from '../../relay/session.ts';
import { SessionTable } from '../../relay/session-table.ts';
import { Strangers } from '../../relay/strangers.ts';
import { QueueBudget } from '../../src/core/queue/down-queue.ts';
import {
  AUTH,
  CLOSE,
  CLOSED,
  CONTROL_CHANNEL,
  type Control,
  EVENT,
  GOAWAY,
  OPEN,
  OPENED,
  PING,
  PONG,
  RESUME,
  RecordWriter,
  TICKET,
  WELCOME,
  writeControl,
} from '../../src/core/wire/relay.ts';
import { createRelay, type RelayOptions } from '../../src/relay-host/index.ts';
import { SampledLog } from '../../src/relay-host/log.ts';
import { readOptions } from '../../src/relay-host/options.ts';
import { FakeEndpoint, initiation } from '../relay/fake-endpoint.ts';
import { RelayClient, settled, until } from '../relay/relay-client.ts';
import { SeededRandom } from '../support/random.ts';

const eight = new Uint8Array(8);
const sixteen = new Uint8Array(16);

/** One of every type. */
const CONTROLS: readonly Control[] = [
  { type: OPEN, channel: 1, flags: 0, port: 51820, host: '192.0.2.1' },
  { type: CLOSE, channel: 1 },
  { type: PING, nonce: eight },
  { type: RESUME, secret: sixteen, ticket: new Uint8Array(60) },
  { type: AUTH, token: 'a.b.c' },
  {
    type: WELCOME,
    version: 1,
    maxChannels: 4,
    maxDatagram: 2048,
    maxMessage: 65_535,
    idleSeconds: 600,
    graceSeconds: 20,
    datagramsPerSecond: 1,
    bytesPerSecond: 1,
    sessionId: eight,
    secret: sixteen,
  },
  { type: OPENED, channel: 1, flags: 0, address: new Uint8Array(4), port: 1, localPort: 1 },
  { type: CLOSED, channel: 1, code: 4404, reason: 'not_open' },
  { type: PONG, nonce: eight, queuedBytes: 1 },
  { type: TICKET, lifetimeSeconds: 1, ticket: new Uint8Array(60) },
  { type: GOAWAY, reconnectWithin: 1, retryAfter: 1, code: 1012 },
  { type: EVENT, channel: 1, kind: 1, value: 1 },
];

/** As much of a WebSocket as a session uses. */
class DeafSocket extends EventEmitter {
  readonly bufferedAmount = 0;
  closeCode: number | undefined;

  send(_message: unknown, _options: unknown, sent: () => void): void {
    sent();
  }

  ping(): void {}

  pause(): void {}

  terminate(): void {}

  close(code: number): void {
    this.closeCode = code;
  }
}

/**
 * Row 53: so many control bodies, cut, lengthened or altered, each to a session of its own unless the one before it still
 * lives. Throws what a session throws. How many sessions it ended, by code.
 */
export function damagedControls(count: number, seed = 1): Map<number, number> {
  const random = new SeededRandom(seed);
  const context = bareContext();
  const writer = new RecordWriter(new Uint8Array(65_535));
  const codes = new Map<number, number>();
  let socket = new DeafSocket();
  let session = newSession(socket, context);
  for (let n = 0; n < count; n++) {
    writer.reset();
    writer.append(CONTROL_CHANNEL, damaged(writeControl(CONTROLS[n % CONTROLS.length]!), random));
    session.receiveMessage(Buffer.from(writer.bytes.subarray(0, writer.end)), true);
    const code = socket.closeCode;
    if (code === undefined) continue;
    codes.set(code, (codes.get(code) ?? 0) + 1);
    session.ended(code);
    socket = new DeafSocket();
    session = newSession(socket, context);
  }
  session.close(1000, '');
  context.initiationTurns.close();
  return codes;
}

function damaged(body: Uint8Array, random: SeededRandom): Uint8Array {
  switch (random.below(4)) {
    case 0:
      return Uint8Array.from([...body, ...random.bytes(random.below(40))]);
    case 1: {
      const changed = body.slice();
      for (let n = random.below(4); n >= 0; n--) changed[random.below(changed.length)] = random.below(256);
      return changed;
    }
    default:
      return body.slice(0, 1 + random.below(body.length));
  }
}

function newSession(socket: DeafSocket, context: RelayContext): Session {
  const client = '192.0.2.9';
  const owner = {
    ...{ client, party: client, path: [client] },
    ...{ origin: undefined, grant: undefined, connection: new PassThrough() },
  };
  return new Session(socket as unknown as WebSocket, owner, context);
}

/** Nothing can be reached from it. */
function bareContext(): RelayContext {
  const now = () => 0;
  const log = new SampledLog(undefined, now);
  const counters = new RelayCounters();
  const options = { allow: ['198.51.100.1:51820'], limits: { controlsPerSecond: 1e9 }, tickets: { park: 0 } };
  const config = readOptions(options);
  return {
    config,
    policy: new Policy(config.rules, { resolve: () => Promise.reject(new Error('no')) }),
    counters,
    sessions: new SessionTable(),
    strangers: new Strangers(1, counters),
    unproven: new Strangers(1, counters),
    budget: new QueueBudget(1e9),
    initiationsOfClient: new BucketTable(1e9, 1e9, 64),
    initiationTurns: new InitiationTurns(1e6, 1e6, now),
    channelsTo: new Tally(),
    hasFiles: () => true,
    log,
    now,
    wallClock: () => 0,
  };
}

/** For so many clients of one address. */
const CROWDED: RelayOptions['limits'] = {
  sessionsPerClient: 1e6,
  upgradesPerSecond: 1e6,
  upgradeBurst: 1e6,
  initiationsPerSecondOfClient: 1e6,
  initiationsPerSecondToDestination: 1e6,
};

/**
 * Row 60: connect, do a handshake, vanish without a word, so many times. The most that were parked at any time, and how many
 * UDP sockets of the relay are left at the end.
 */
export async function parkFarm(
  count: number,
  sessions: number,
): Promise<{ parked: number; sockets: number }> {
  const peer = await FakeEndpoint.open();
  const relay = createRelay({
    listen: '127.0.0.1:0',
    allow: [`127.0.0.1:${peer.port}`],
    allowNoOrigin: true,
    limits: { ...CROWDED, sessions },
  });
  const { url } = await relay.listen();
  const before = udpSockets();
  let parked = 0;
  const abandon = async (): Promise<void> => {
    const client = await RelayClient.connect(url);
    client.send([0, client.open(1, peer.port)], [1, initiation(7)]);
    await until(() => client.datagrams.length > 0, 'the response');
    client.socket.terminate();
    parked = Math.max(parked, relay.parked);
  };
  const worker = async (times: number): Promise<void> => {
    for (let n = 0; n < times; n++) await abandon();
  };
  const WORKERS = 10;
  await Promise.all(Array.from({ length: WORKERS }, () => worker(count / WORKERS)));
  await until(() => relay.sessions === 0, 'the end of all sessions');
  parked = Math.max(parked, relay.parked);
  // A socket that is closed is gone a turn later.
  await settled(20);
  const sockets = udpSockets() - before;
  await relay.close();
  await peer.close();
  return { parked, sockets };
}

function udpSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'UDPWrap').length;
}

/**
 * Row 65: `rounds` times so many sessions come, talk and go. The heap after each round, with all garbage collected, in
 * bytes; of the clients as well.
 */
export async function churn(rounds: number, sessions: number, collect: () => number): Promise<number[]> {
  const peer = await FakeEndpoint.open();
  const relay = createRelay({
    listen: '127.0.0.1:0',
    allow: [`127.0.0.1:${peer.port}`],
    allowNoOrigin: true,
    limits: CROWDED,
    tickets: { park: 0 },
  });
  const { url } = await relay.listen();
  const heaps: number[] = [];
  const visit = async (n: number): Promise<void> => {
    const client = await RelayClient.connect(url);
    client.send([0, client.open(1, peer.port)], [1, initiation(7)]);
    await until(() => client.datagrams.length > 0, 'the response');
    if (n % 2 === 0) client.socket.terminate();
    else client.socket.close(1000);
  };
  for (let round = 0; round < rounds; round++) {
    for (let n = 0; n < sessions; n += 20) await Promise.all(Array.from({ length: 20 }, (_, i) => visit(i)));
    await until(() => relay.sessions === 0, 'the end of all sessions');
    peer.received.length = 0;
    heaps.push(collect());
  }
  await relay.close();
  await peer.close();
  return heaps;
}
