// The end of every sequence: nobody interferes any more, and soon everything works again (invariant 10).
import { nameOf, type Side } from './side.ts';
import { Violation } from './violation.ts';
import type { World } from './world.ts';

const REJECT_AFTER_TIME = 180_000;

/** 12 s after the last interference every packet arrives, in both directions. */
export function makePeace(world: World): void {
  world.flights = [];
  world.isCalm = true;
  // What waits for its turn or for a static key may still move an endpoint.
  for (const question of world.questions) question.due = world.now;
  // The sender's index in a response is protected by nothing but mac1, which anybody can make. An initiator who was told
  // a wrong one sends into the void while the other side's old session keeps it content, until that is too old.
  world.wait(world.isMisled ? REJECT_AFTER_TIME + 1000 : 1000);
  for (const side of world.sides) {
    side.up();
    for (const other of world.sides) if (other !== side) reconcile(world, side, other);
    world.settle(side);
  }
  const before = world.sides.map(crossingsOf);
  talk(world, 12_000);
  const crossed = world.sides.map((side, i) => crossingsOf(side) - before[i]!);
  // Where both sides' tries cross, each costs one more period; twelve seconds have room for one such collision.
  for (let crossings = Math.max(...crossed); ; crossings--) {
    const wanted = talk(world, 2000);
    world.wait(1000);
    const lost = wanted.filter((id) => world.packets.get(id)!.times === 0);
    if (lost.length === 0) return;
    if (crossings <= 1)
      throw new Violation(`10: after 12 s of peace ${lost.length} of ${wanted.length} packets are lost`);
    talk(world, 3000);
  }
}

/** A packet in each direction twice a second. */
function talk(world: World, duration: number): number[] {
  const ids: number[] = [];
  for (let at = 0; at < duration; at += 500) {
    for (const from of world.sides)
      for (const to of world.sides) if (from !== to) ids.push(world.offer(from.number, to.number, 100));
    world.wait(500);
  }
  return ids;
}

/** How often another side's initiation overtook the response to this one's. */
function crossingsOf(side: Side): number {
  return side.status().drops.unexpected_response ?? 0;
}

/** What the adversary cannot be asked to repair: who is a peer, with which key, and where. */
function reconcile(world: World, side: Side, other: Side): void {
  const relation = side.peers.get(other.number);
  if (relation && relation.identity !== other.identity) side.removePeer(other.number);
  if (!side.peers.has(other.number)) side.addPeer(other.number, world.relation(side, other));
  if (side.peers.get(other.number)!.psk !== other.peers.get(side.number)?.psk) {
    side.setPsk(other.number, 0);
    other.setPsk(side.number, 0);
  }
  const known = side.status().peers.find((peer) => nameOf(peer.publicKey) === other.identity);
  if (known?.endpoint !== other.endpoint) side.setEndpoint(other.number, other.endpoint);
}
