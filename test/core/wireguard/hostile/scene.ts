// What all hostile cases have in common: a device with a live session, a hostile datagram, and what must not come of it.
import { expect, it } from 'vitest';
import type { Endpoint } from '../../../../src/core/endpoint.ts';
import { SECOND } from '../../../../src/core/time.ts';
import type { DeviceDrop, DeviceEvent } from '../../../../src/core/wireguard/device.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { fromHex } from '../../../support/hex.ts';
import { readVectors, type Wycheproof, type X25519Vector } from '../../../support/vectors.ts';
import { Opponent, type Session } from '../opponent.ts';
import { kindOf, makePacket, Station } from '../station.ts';

export const outgoing = makePacket('10.0.0.2', '10.0.0.1');
export const incoming = makePacket('10.0.0.1', '10.0.0.2');
/** Where nobody of ours is. */
export const elsewhere: Endpoint = { host: '203.0.113.9', port: 9 };

/** A device that has one session, as its initiator, and a peer that a test can make say anything. */
export class Scene {
  readonly clock = new FakeClock();
  readonly station = new Station(this.clock);
  readonly opponent = new Opponent(this.station.publicKey);
  /** The session that must outlive every attack. */
  live: Session;

  constructor() {
    const { clock, station, opponent } = this;
    // A whole number, so that 20 ms later is 20 ms later to the last bit.
    clock.moveTo(Math.ceil(clock.now));
    station.device.up(clock.now);
    station.addPeer(opponent.publicKey, { endpoint: opponent.endpoint });
    this.live = this.accept(opponent.answer(this.#sent('initiation')));
    clock.advance(SECOND);
  }

  #sent(kind: string): Uint8Array {
    const datagram = this.station
      .takeSent()
      .find((sent) => kindOf(sent) === kind && sent.to === this.opponent.endpoint);
    expect(datagram, kind).toBeDefined();
    return datagram!.bytes;
  }

  /** A second peer, for which the device has no session yet. */
  addOther({ routes = '10.7.0.0/16', endpoint }: { routes?: string; endpoint?: Endpoint } = {}): Opponent {
    const other = new Opponent(this.station.publicKey, 7);
    this.station.addPeer(other.publicKey, { routes, ...(endpoint && { endpoint }) });
    return other;
  }

  /** The device's own initiation, in flight beside the live session: that one is due for renewal. */
  initiationInFlight(): Uint8Array {
    this.clock.advance(125 * SECOND);
    this.station.send(outgoing);
    return this.#sent('initiation');
  }

  /** The device's next try after that. */
  nextTry(): Uint8Array {
    this.station.run(5 * SECOND);
    return this.#sent('initiation');
  }

  /** The device takes a response. */
  accept({ message, session }: { message: Uint8Array; session: Session }): Session {
    this.station.receive(message, this.opponent.endpoint);
    // Something, data or a keepalive, confirms it.
    const [confirmation] = this.station.takeSent();
    this.opponent.open(session, confirmation!.bytes);
    return session;
  }

  /** The device answers an initiation; returns its response. */
  answerTo(initiation: Uint8Array): Uint8Array {
    this.station.receive(initiation, this.opponent.endpoint);
    return this.#sent('response');
  }

  /** The opponent initiates, the device answers: a session that waits for its first packet. */
  offer(): Session {
    this.clock.advance(SECOND);
    const { message, sent } = this.opponent.initiate();
    return this.opponent.complete(sent, this.answerTo(message));
  }

  /** A packet from the opponent, of which nothing is expected. */
  hear(session: Session, plaintext = incoming, counter?: bigint, from = this.opponent.endpoint): void {
    this.station.receive(this.opponent.seal(session, plaintext, counter), from);
  }

  /** The opponent uses a session; it takes over. */
  confirm(session: Session): Session {
    this.hear(session, new Uint8Array(0));
    this.live = session;
    return session;
  }

  /** Packets pass in both directions, on this session. Ours goes first: theirs could put right what is wrong. */
  expectEcho(session = this.live): void {
    const { station, opponent } = this;
    station.takeSent();
    expect(station.send(outgoing)).toBe('sent');
    const [datagram] = station.takeSent();
    expect(opponent.open(session, datagram!.bytes).slice(0, outgoing.length)).toEqual(outgoing);
    const delivered = station.delivered.length;
    this.hear(session);
    expect(station.delivered.slice(delivered), 'inbound packet').toEqual([incoming]);
  }

  /** Everything that an attack could change, drop counters apart. */
  snapshot() {
    const { station } = this;
    const { drops, peers } = station.status();
    return {
      drops,
      peerDrops: peers.map((peer) => peer.drops),
      state: {
        peers: peers.map(({ drops: _, ...rest }) => rest),
        pollAt: station.pollAt(),
        keys: station.crypto.keyCount,
        delivered: station.delivered.length,
        sent: station.sent.length,
        events: station.events.length,
        lastTimestamp: station.device.lastTimestamp,
      },
    };
  }
}

export interface Refusal {
  /** "row N: …", N being the row of the table. */
  readonly title: string;
  /** Sets the scene and makes the hostile datagram. */
  readonly datagram: (scene: Scene) => Uint8Array;
  readonly drop: DeviceDrop;
  /** The peer it is counted at, too: 0 is the one of the live session. Undefined: the device cannot know whose it is. */
  readonly peer?: number;
  /** How many DHs the device does for it. */
  readonly dhs?: number;
  /** The device says this to its host. */
  readonly event?: DeviceEvent['type'];
  /** Authentic, for all its bad content: its bytes count, and the endpoint follows. */
  readonly authentic?: boolean;
  /** What must hold afterwards, besides all the rest. */
  readonly afterwards?: (scene: Scene, datagram: Uint8Array) => void;
}

/**
 * Each is dropped: counted once, with its reason, at the device and at the peer it concerns, and no other counter moves;
 * nothing is sent, nothing changes, and packets pass as before.
 */
export function refuses(table: readonly Refusal[]): void {
  it.each(table.map((refusal) => [refusal.title, refusal] as const))('%s', (_title, refusal) => {
    const scene = new Scene();
    const datagram = refusal.datagram(scene);
    expectRefused(scene, datagram, refusal);
    refusal.afterwards?.(scene, datagram);
  });
}

export function expectRefused(
  scene: Scene,
  datagram: Uint8Array,
  { drop, peer, dhs = 0, event, authentic = false }: Omit<Refusal, 'title' | 'datagram'>,
): void {
  const { station } = scene;
  station.takeSent();
  const before = scene.snapshot();
  const dhsBefore = station.crypto.dhCount;
  station.receive(datagram, elsewhere);
  const after = scene.snapshot();
  expect(after.drops).toEqual(counted(before.drops, drop));
  expect(after.peerDrops).toEqual(
    before.peerDrops.map((drops, n) => (n === peer ? counted(drops, drop) : drops)),
  );
  expect(station.crypto.dhCount - dhsBefore, 'DHs').toBe(dhs);
  expect(station.events.slice(before.state.events).map(({ type }) => type)).toEqual(
    authentic ? ['roamed'] : event ? [event] : [],
  );
  expect(station.sent, 'answers').toEqual([]);
  expect(after.state.delivered, 'delivered').toBe(before.state.delivered);
  if (authentic) {
    const [was, is] = [before.state.peers[peer!]!, after.state.peers[peer!]!];
    expect(is).toEqual({ ...was, endpoint: '203.0.113.9:9', rxBytes: was.rxBytes + datagram.length });
  } else {
    expect({ ...after.state, events: 0 }).toEqual({ ...before.state, events: 0 });
  }
  scene.expectEcho();
}

function counted(drops: Record<string, number>, drop: DeviceDrop): Record<string, number> {
  return { ...drops, [drop]: (drops[drop] ?? 0) + 1 };
}

/** Keys with which every DH is zero: Wycheproof knows fourteen. */
export const lowOrderPoints: Uint8Array[] = [
  ...new Set(
    readVectors<Wycheproof<X25519Vector>>('x25519_test.json')
      .testGroups.flatMap(({ tests }) => tests)
      .filter(({ flags }) => flags.includes('ZeroSharedSecret'))
      .map((vector) => vector.public),
  ),
].map(fromHex);

/** A handshake message of this type and size, all else random but the mac1, which is right. */
export function randomMessage({ opponent }: Scene, type: number, size: number): Uint8Array {
  const message = new Uint8Array(size);
  for (let n = 0; n < size; n++) message[n] = opponent.index();
  message.set([type, 0, 0, 0]);
  return opponent.stamp(message);
}

/** The datagram with one bit of one byte flipped. */
export function flipped(datagram: Uint8Array, at: number): Uint8Array {
  const altered = datagram.slice();
  altered[at < 0 ? altered.length + at : at]! ^= 1;
  return altered;
}
