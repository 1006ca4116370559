import { IpPrefix } from '../../../src/core/address.ts';
import { TunnelError } from '../../../src/core/errors.ts';
import type { TcpConnection } from '../../../src/core/netstack/tcp/connection.ts';
import type { TcpListener } from '../../../src/core/netstack/tcp/listener.ts';
import { PERFECT } from '../../sim/link.ts';
import { World } from '../../sim/world.ts';
import { SeededRandom } from '../../support/random.ts';

export const name = 'socket-calls';

const CALLS = 150;
const NEVER = Number.POSITIVE_INFINITY;
/** TIME-WAIT, and FIN-WAIT-2 before it. */
const REST = 1_000_000;

/**
 * Two stacks, and applications on both that call what they like, in any order, also after the end: nothing throws but
 * a TunnelError where one is promised, every invariant holds, and when all is closed nothing is left.
 */
export function run(seed: number): void {
  const random = new SeededRandom(seed);
  const link = {
    ...PERFECT,
    delay: 1 + random.below(50),
    loss: { kind: 'bernoulli', probability: random.below(2) / 20 },
  } as const;
  const world = new World({
    seed,
    hosts: [1, 2].map((last) => ({
      name: `host ${last}`,
      prefixes: [IpPrefix.parse(`10.0.0.${last}/24`)!],
      mtu: 1420,
    })),
    links: [link, link],
    pollsTwice: true,
  });
  const connections: TcpConnection[] = [];
  const listeners: TcpListener[] = [];
  const pick = <T>(items: readonly T[]): T | undefined => items[random.below(items.length)];
  for (let call = 0; call < CALLS; call++) {
    const index = random.below(2);
    const host = world.hosts[index]!;
    const connection = pick(connections);
    const listener = pick(listeners);
    try {
      switch (random.below(16)) {
        case 0:
        case 1: {
          const address = world.hosts[random.below(4) === 0 ? index : 1 - index]!.addresses[0]!;
          connections.push(
            host.stack.connectTcp({ address, port: 80 + random.below(3) }, randomOptions(random), world.now),
          );
          break;
        }
        case 2:
          listeners.push(
            host.stack.listenTcp({ port: 80 + random.below(3), backlog: 1 + random.below(4) }, world.now),
          );
          break;
        case 3:
        case 4: {
          const accepted = listener?.accept();
          if (accepted) connections.push(accepted);
          break;
        }
        case 5:
          if (random.below(3) === 0) listener?.close();
          break;
        case 6:
        case 7:
          connection?.write(random.bytes(random.below(1 << random.below(17))));
          break;
        case 8:
        case 9:
          connection?.readInto(new Uint8Array(random.below(1 << random.below(17))));
          break;
        case 10:
          connection?.shutdown();
          break;
        case 11:
          connection?.close();
          break;
        case 12:
          if (random.below(2) === 0) connection?.abort();
          break;
        case 13:
          connection?.setOptions(randomOptions(random));
          break;
        case 14:
          connection?.awaitRoom();
          connection?.info();
          break;
        default:
          host.stack.reconnected(world.now);
      }
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
    }
    if (random.below(2) === 0) pass(world, random.below(4) === 0 ? random.below(5000) : random.below(20));
  }
  for (const connection of connections) connection.abort();
  for (const listener of listeners) listener.close();
  pass(world, REST);
  for (const { name: host, stack } of world.hosts) {
    const left = stack.tcp.connectionCount + stack.tcp.timeWaitCount;
    if (left > 0 || stack.tcp.pages.used > 0)
      throw new Error(`${host}: ${left} connections, ${stack.tcp.pages.used} pages left`);
  }
}

/** Lets so many milliseconds pass. */
function pass(world: World, ms: number): void {
  const end = world.now + ms;
  const alarm = { nextAt: end, act: (now: number) => void (now >= end && (alarm.nextAt = NEVER)) };
  world.apps.push(alarm);
  world.run(() => world.now >= end, ms + 1);
  world.apps.length = 0;
}

function randomOptions(random: SeededRandom) {
  return {
    noDelay: random.below(2) === 0,
    ...(random.below(4) === 0 && { keepAliveDelay: random.below(2) * 5000 }),
    ...(random.below(4) === 0 && { userTimeout: random.below(2) * 3000 }),
    ...(random.below(4) === 0 && { receiveBufferSize: 1 + random.below(1 << random.below(20)) }),
    ...(random.below(4) === 0 && { sendBufferSize: 1 + random.below(1 << random.below(20)) }),
    ...(random.below(4) === 0 && { ttl: 1 + random.below(255), tos: random.below(256) }),
    ...(random.below(8) === 0 && { cork: random.below(2) === 0 }),
  };
}
