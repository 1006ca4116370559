import { ACK } from '../../../src/core/wire/tcp.ts';
import { concat, u32 } from '../../support/packets.ts';
import { SeededRandom } from '../../support/random.ts';
import { HostilePeer, type Target } from '../hostile-peer.ts';

export const name = 'tcp-segments';

const STEPS = 80;

/**
 * Established connections, and a peer who knows their numbers: segments that are nearly right, with right checksums.
 * Nothing throws, every invariant holds after each, and nothing is left in the end.
 */
export function run(seed: number): void {
  const random = new SeededRandom(seed);
  const peer = new HostilePeer(random, seed);
  for (let step = 0; step < STEPS; step++) {
    const target = peer.pick(peer.targets);
    if (random.below(3) > 0) peer.send(segmentFor(peer, target));
    else use(peer, target);
    if (random.below(2) === 0) peer.poll();
    if (random.below(6) === 0) peer.wait(peer.pick([1, 40, 300, 2000, 130_000]));
  }
  peer.poll();
  peer.finish();
}

function segmentFor(peer: HostilePeer, target: Target): Uint8Array {
  const { random } = peer;
  const data = random.bytes(peer.pick([0, 0, 0, 1, 10, 500, 1400]));
  const isRight = random.below(3) > 0;
  const sequence = isRight ? target.next : near(peer, target.next);
  const acknowledgment = random.below(3) > 0 ? acknowledgmentFor(peer, target) : near(peer, target.sentTo);
  const flags = random.below(4) > 0 ? ACK | peer.pick([0, 0, 0, 8, 0x40, 0x80, 0xc0]) : random.below(256);
  const window = peer.pick([0, 1, 100, 5000, 65_535]);
  const options = optionsFor(peer, target);
  const packet = peer.packet(target, {
    sequence: sequence >>> 0,
    acknowledgment: acknowledgment >>> 0,
    flags,
    window,
    options,
    data,
    urgent: random.below(8) === 0 ? random.below(65_536) : 0,
  });
  // What was right has moved the peer on; whether we took it is our affair.
  if (isRight && flags === ACK && random.below(4) > 0) target.next = (target.next + data.length) | 0;
  return packet;
}

/** Something that was sent and may not have been acknowledged. */
function acknowledgmentFor({ random }: HostilePeer, { sentFrom, sentTo }: Target): number {
  const length = Math.max(0, (sentTo - sentFrom) | 0);
  return (sentTo - random.below(Math.min(length, 20_000) + 1) * random.below(2)) | 0;
}

function near(peer: HostilePeer, value: number): number {
  const distance = peer.pick([1, 2, 100, 1400, 5000, 65_535, 1 << 20, 1 << 30, 2 ** 31 - 1]);
  return (value + (peer.random.below(2) === 0 ? distance : -distance)) | 0;
}

function optionsFor(peer: HostilePeer, target: Target): Uint8Array {
  const { random } = peer;
  const echo = random.below(4) > 0 ? target.stamp : near(peer, target.stamp);
  const value = random.below(4) > 0 ? Math.floor(peer.lone.now) : near(peer, 1000);
  const stamp = random.below(10) > 0 ? peer.timestamps(target, value, echo) : new Uint8Array(0);
  if (random.below(6) === 0) return concat(stamp, random.bytes(4 * random.below(7)));
  const blocks = random.below(3) === 0 ? 1 + random.below(3) : 0;
  if (blocks === 0) return stamp;
  const edges: Uint8Array[] = [];
  for (let i = 0; i < blocks; i++) {
    const start = random.below(3) > 0 ? acknowledgmentFor(peer, target) : near(peer, target.sentTo);
    const end = (start + peer.pick([0, 1, -1, 500, 1000, 5000])) | 0;
    edges.push(u32(start >>> 0), u32(end >>> 0));
  }
  return concat(stamp, Uint8Array.of(1, 1, 5, 2 + 8 * blocks), ...edges);
}

/** What the application does meanwhile. */
function use(peer: HostilePeer, { connection }: Target): void {
  const { random } = peer;
  switch (random.below(12)) {
    case 0:
      connection.shutdown();
      return;
    case 1:
      if (random.below(8) === 0) connection.close();
      return;
    case 2:
    case 3:
    case 4:
      connection.readInto(new Uint8Array(1 + random.below(5000)));
      return;
    case 5:
      connection.setOptions({ noDelay: random.below(2) === 0, cork: random.below(4) === 0 });
      return;
    default:
      connection.write(new Uint8Array(peer.pick([1, 10, 1000, 20_000])));
  }
}
