import type { TcpConnection } from '../../../../src/core/netstack/tcp/connection.ts';
import { LoneStack } from '../../../support/lone-stack.ts';
import { Crowd } from './crowd.ts';

const MIB = 1 << 20;

/** Many of one kind, in an engine that was empty. */
export interface Population {
  readonly name: string;
  readonly count: number;
  /** What the count may cost, in bytes. */
  readonly bound: number;
  /** The empty engine for `count` of them; `fill` makes them and returns whatever must stay alive. */
  prepare(count: number): { fill(): unknown; check?(): void };
}

/** Says something, reads what is said, and falls silent for long enough to be idle. */
function idle(version: 4 | 6, count: number): ReturnType<Population['prepare']> {
  const crowd = new Crowd({ clients: count, version });
  const bytes = new Uint8Array(1000);
  const connections = new Array<TcpConnection | undefined>(count).fill(undefined);
  return {
    fill() {
      for (let client = 0; client < count; client++) {
        const connection = client % 2 === 0 ? crowd.open(client) : crowd.connectTo(client);
        crowd.talk(client, connection, bytes);
        connections[client] = connection;
        crowd.now += 0.1;
      }
      rest(crowd);
      return connections;
    },
    check() {
      if (crowd.layer.connectionCount !== count) throw new Error('not all are established');
      if (crowd.layer.pages.used !== 0) throw new Error('an idle connection holds a page');
      if (crowd.layer.pollAt() !== Number.POSITIVE_INFINITY) throw new Error('an idle connection has plans');
    },
  };
}

/** Until nothing is due any more. */
export function rest(crowd: Crowd): void {
  for (let at = crowd.layer.pollAt(); at !== Number.POSITIVE_INFINITY; at = crowd.layer.pollAt()) {
    crowd.now = Math.max(crowd.now, at);
    crowd.poll();
  }
}

export const POPULATIONS: readonly Population[] = [
  {
    name: 'idle established connections, IPv4',
    count: 10_000,
    bound: 10 * MIB,
    prepare: (count) => idle(4, count),
  },
  {
    name: 'idle established connections, IPv6',
    count: 10_000,
    bound: 10 * MIB,
    prepare: (count) => idle(6, count),
  },
  {
    name: 'connections with one unread byte',
    count: 10_000,
    bound: 50 * MIB,
    prepare(count) {
      const crowd = new Crowd({ clients: count });
      const connections = new Array<TcpConnection | undefined>(count).fill(undefined);
      return {
        fill() {
          for (let client = 0; client < count; client++) {
            connections[client] = crowd.open(client);
            crowd.say(client, 1);
          }
          rest(crowd);
          return connections;
        },
        check() {
          for (const connection of connections)
            if (connection!.readableBytes !== 1) throw new Error('a byte is missing');
          if (crowd.layer.pages.used !== count) throw new Error('a byte takes more than a page');
        },
      };
    },
  },
  {
    name: 'connections in TIME-WAIT',
    count: 10_000,
    bound: MIB,
    prepare(count) {
      const crowd = new Crowd({ clients: count });
      return {
        fill() {
          for (let client = 0; client < count; client++) crowd.closeHere(client, crowd.open(client));
          return crowd;
        },
        check() {
          if (crowd.layer.timeWaitCount !== count) throw new Error('not all are in TIME-WAIT');
        },
      };
    },
  },
  {
    name: 'connections in SYN-RECEIVED',
    count: 10_000,
    bound: MIB,
    prepare(count) {
      const crowd = new Crowd({ clients: count });
      // One listener's backlog is 4,096.
      const listeners = [crowd.listener, ...[81, 82].map((port) => crowd.listenAlso(port))];
      return {
        fill() {
          for (let client = 0; client < count; client++) {
            crowd.speakTo(client, listeners[client % 3]!.local.port);
            crowd.syn(client);
          }
          return crowd;
        },
        check() {
          if (crowd.layer.halfOpenCount !== count) throw new Error('not all are half open');
        },
      };
    },
  },
  {
    name: 'idle UDP sockets',
    count: 10_000,
    bound: 8 * MIB,
    prepare(count) {
      const { stack } = new LoneStack();
      return { fill: () => Array.from({ length: count }, () => stack.bindUdp({})) };
    },
  },
];
