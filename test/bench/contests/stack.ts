// Our IP stack, two of them back to back in one process.
import { WasmSuite } from '../../../src/core/crypto/wasm-suite.ts';
import type { Runtime } from '../hosts/runtime.ts';
import type { Contender, Contest } from '../race.ts';
import type { Contests } from './catalog.ts';
import { Bulk, type Clocked, Connects, Requests, UdpEcho } from './conversations.ts';
import type { Pair } from './engine.ts';
import { stackPair } from './stack-engine.ts';

const GIGABYTE = 1 << 30;
const UDP_BYTES = 1372;

export async function stack(runtime: Runtime): Promise<Contests> {
  const crypto = new WasmSuite(await runtime.loadAssembly());
  const pair = (): Pair => stackPair(crypto);
  const bulk = (clocked: Clocked) => () => bulkContest(new Bulk(pair(), clocked));
  return {
    'TCP bulk, both stacks': bulk('both'),
    'TCP bulk after 1 GB': () => bulkContest(new Bulk(pair()).age(GIGABYTE)),
    'TCP bulk, receiving side': bulk('receiver'),
    'TCP bulk, sending side': bulk('sender'),
    'pure ACKs taken': () => alone('ACK/s', 1, new Bulk(pair(), 'acknowledgements'), Bulk.expected()),
    '64-byte request and response': () => alone('op/s', 1, new Requests(pair()), Requests.expected()),
    'connect and close': () => alone('op/s', 1, new Connects(pair())),
    'UDP echo 64 B': () => alone('op/s', 1, new UdpEcho(pair(), 64), UdpEcho.expected(64)),
    'UDP echo 1372 B': () => alone('op/s', 1, new UdpEcho(pair(), UDP_BYTES), UdpEcho.expected(UDP_BYTES)),
  };
}

export function bulkContest(contender: Bulk): Contest {
  return alone('MB/s', Bulk.CHUNK / 1e6, contender, Bulk.expected());
}

/** Who has nobody to disagree with is compared with what is right. */
export function alone(unit: string, amount: number, tabwire: Contender, expected?: Uint8Array): Contest {
  return { unit, amount, ...(expected && { expected }), contenders: { tabwire } };
}
