import { describe, expect, it } from 'vitest';
import { Keypair, Keypairs } from '../../../src/core/wireguard/keypair.ts';

function setUp() {
  const events: string[] = [];
  const keypairs = new Keypairs((keypair) => events.push(`free ${keypair.localIndex}`));
  const make = (index: number, isInitiator = true) => {
    const key = (name: string) => ({ destroy: () => events.push(`zero ${name}${index}`) });
    return new Keypair({ send: key('s'), receive: key('r') }, isInitiator, index, 100 + index, 0);
  };
  const slots = () =>
    [keypairs.previous, keypairs.current, keypairs.next].map((keypair) => keypair?.localIndex);
  /** Indices of keypairs that left since the last time; each was zeroed first. */
  const dropped = () => {
    const taken = events.splice(0);
    const freed = taken.filter((event) => event.startsWith('free')).map((event) => Number(event.slice(5)));
    expect(taken).toEqual(freed.flatMap((index) => [`zero s${index}`, `zero r${index}`, `free ${index}`]));
    return freed;
  };
  return { keypairs, make, slots, dropped };
}

describe('the rotation of keypairs', () => {
  it('as initiator: current becomes previous', () => {
    const { keypairs, make, slots, dropped } = setUp();
    keypairs.installAsInitiator(make(1));
    expect(slots()).toEqual([undefined, 1, undefined]);
    keypairs.installAsInitiator(make(2));
    expect(slots()).toEqual([1, 2, undefined]);
    keypairs.installAsInitiator(make(3));
    expect(slots()).toEqual([2, 3, undefined]);
    expect(dropped()).toEqual([1]);
  });

  it('as initiator with a session that waits: that one becomes previous, and both others go', () => {
    const { keypairs, make, slots, dropped } = setUp();
    keypairs.installAsInitiator(make(1));
    keypairs.installAsInitiator(make(2));
    keypairs.next = make(3, false);
    keypairs.installAsInitiator(make(4));
    expect(slots()).toEqual([3, 4, undefined]);
    expect(dropped()).toEqual([1, 2]);
  });

  it('as responder: previous goes at once, current stays, an older offer goes', () => {
    const { keypairs, make, slots, dropped } = setUp();
    keypairs.installAsInitiator(make(1));
    keypairs.installAsInitiator(make(2));
    keypairs.installAsResponder(make(3, false));
    expect(slots()).toEqual([undefined, 2, 3]);
    expect(dropped()).toEqual([1]);
    keypairs.installAsResponder(make(4, false));
    expect(slots()).toEqual([undefined, 2, 4]);
    expect(dropped()).toEqual([3]);
  });

  it('confirmed by the first packet on next, and by nothing else', () => {
    const { keypairs, make, slots, dropped } = setUp();
    const [first, second] = [make(1), make(2, false)];
    keypairs.installAsInitiator(first);
    keypairs.installAsResponder(second);
    expect(keypairs.confirm(first)).toBe(false);
    expect(keypairs.confirm(second)).toBe(true);
    expect(slots()).toEqual([1, 2, undefined]);
    expect(keypairs.confirm(second)).toBe(false);
    // A late packet on previous moves nothing back.
    expect(keypairs.confirm(first)).toBe(false);
    expect(slots()).toEqual([1, 2, undefined]);
    expect(dropped()).toEqual([]);
    keypairs.installAsResponder(make(3, false));
    keypairs.dropAll();
    expect(slots()).toEqual([undefined, undefined, undefined]);
    expect(dropped()).toEqual([1, 2, 3]);
  });
});

describe('a keypair', () => {
  const { make } = setUp();

  it('is renewed by its initiator after 120 s and lives 180 s', () => {
    const [own, other] = [make(1), make(2, false)];
    expect(own.needsRenewal(120_000)).toBe(false);
    expect(own.needsRenewal(120_000.1)).toBe(true);
    expect(other.needsRenewal(179_999)).toBe(false);
    expect(own.canSend(179_999.9)).toBe(true);
    expect(own.canSend(180_000)).toBe(false);
    expect(own.canReceive(180_000)).toBe(true);
    expect(own.canReceive(180_000.1)).toBe(false);
  });

  it('is renewed by either side after 2^60 messages', () => {
    const keypair = make(3, false);
    keypair.counterHigh = 0x1000_0000;
    expect(keypair.needsRenewal(0)).toBe(false);
    keypair.countSent();
    expect(keypair.needsRenewal(0)).toBe(true);
    keypair.counterHigh = 0x1000_0001;
    keypair.counterLow = 0;
    expect(keypair.needsRenewal(0)).toBe(true);
  });
});
