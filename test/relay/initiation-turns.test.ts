import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { InitiationTurns, type Waiter } from '../../relay/initiation-turns.ts';
import { networksOf } from '../../relay/limits.ts';

beforeEach(() => void vi.useFakeTimers({ now: 0 }));
afterEach(() => void vi.useRealTimers());

const now = () => Date.now();

/** Notes whose turn it was. `wants` says whether there is still something to send. */
function setUp(rate = 10, burst = 2) {
  const turns = new InitiationTurns(rate, burst, now);
  const served: string[] = [];
  const waiter = (name: string, wants = () => true): Waiter => ({
    turn: () => wants() && served.push(name) > 0,
  });
  const want = (party: string, each = waiter(party), place = 'hub', isKnown = false, path = [party]) => {
    if (turns.take(place, path, each, isKnown, now())) served.push(party);
    return each;
  };
  return { turns, served, waiter, want };
}

describe('initiations to one destination', () => {
  it('pass at once up to the burst, then at the rate', () => {
    const { served, want } = setUp();
    for (let i = 0; i < 6; i++) want('a');
    expect(served).toHaveLength(2);
    vi.advanceTimersByTime(100);
    expect(served).toHaveLength(3);
    vi.advanceTimersByTime(300);
    expect(served).toHaveLength(6);
    vi.advanceTimersByTime(10_000);
    expect(served).toHaveLength(6);
  });

  it('are shared by parties, however many channels each has', () => {
    const { served, want } = setUp();
    for (let i = 0; i < 1000; i++) want('flood');
    served.length = 0;
    want('alice');
    want('bob');
    vi.advanceTimersByTime(600);
    expect(served.slice(0, 6)).toEqual(['flood', 'alice', 'bob', 'flood', 'flood', 'flood']);
  });

  it.each([
    ['an IPv6 /64', (i: number) => `2001:db8:1:1::${i.toString(16)}`],
    ['an IPv6 /48', (i: number) => `2001:db8:1:${i.toString(16)}::1`],
    ['an IPv6 /32', (i: number) => `2001:db8:${i.toString(16)}::1`],
    ['an IPv4 /24', (i: number) => `198.51.100.${i}`],
  ])('are shared by networks: whoever has %s waits as one', (_, address) => {
    const { served, want } = setUp();
    const from = (party: string, text: string) => want(party, undefined, 'hub', false, networksOf(text));
    for (let i = 0; i < 250; i++) from('flood', address(i));
    served.length = 0;
    from('alice', '2001:db9::1');
    from('bob', '203.0.113.7');
    vi.advanceTimersByTime(600);
    expect(served.slice(0, 5)).toEqual(['flood', 'alice', 'bob', 'flood', 'flood']);
  });

  it.each([
    ['a /48', 'its /32', (i: number) => `2001:db8:1:${i.toString(16)}::1`, '2001:db8:2::1'],
    ['a /64', 'its /48', (i: number) => `2001:db8:1:1::${i.toString(16)}`, '2001:db8:1:2::1'],
    ['an IPv4 address', 'its /24', () => '198.51.100.1', '198.51.100.2'],
  ])('of a flood from %s keep a neighbour in %s waiting for one turn', (_, _network, address, neighbour) => {
    const { served, want } = setUp();
    const from = (party: string, text: string) => want(party, undefined, 'hub', false, networksOf(text));
    for (let i = 0; i < 250; i++) from('flood', address(i));
    served.length = 0;
    from('neighbour', neighbour);
    vi.advanceTimersByTime(600);
    expect(served.slice(0, 4)).toEqual(['flood', 'neighbour', 'flood', 'flood']);
  });

  it('are shared within a network by the networks in it', () => {
    const { served, want } = setUp();
    const from = (party: string, text: string) => want(party, undefined, 'hub', false, networksOf(text));
    for (let i = 0; i < 250; i++) from('flood', `2001:db8:1:${i.toString(16)}::1`);
    served.length = 0;
    // Both have the flood's provider, and one its site; the third is elsewhere.
    from('alice', '2001:db8:2::1');
    from('bob', '2001:db8:1:ffff::1');
    from('carol', '2001:db9::1');
    vi.advanceTimersByTime(30_000);
    expect(served.indexOf('alice')).toBeLessThan(4);
    expect(served.indexOf('carol')).toBeLessThan(4);
    expect(served).toHaveLength(251);
    expect(served.indexOf('bob')).toBeGreaterThan(200);
  });

  it('of one that is withdrawn leave no branch behind', () => {
    const { turns, served, want, waiter } = setUp();
    for (let i = 0; i < 2; i++) want('a');
    const path = networksOf('2001:db8::1');
    const gone = want('gone', waiter('gone'), 'hub', false, path);
    turns.withdraw('hub', path, gone);
    turns.withdraw('hub', path, gone);
    turns.withdraw('hub', ['never'], gone);
    vi.advanceTimersByTime(1000);
    turns.tick(now());
    expect([served, turns.size]).toEqual([['a', 'a'], 0]);
  });

  it('pass ahead of a flood of strangers for who was answered before, up to a third of the rate', () => {
    const { served, want } = setUp();
    for (let i = 0; i < 1000; i++) want(`stranger ${i % 100}`);
    served.length = 0;
    for (let ms = 0; ms < 6000; ms += 50) {
      want('known', undefined, 'hub', true);
      vi.advanceTimersByTime(50);
    }
    const known = served.filter((party) => party === 'known').length;
    expect(served.length).toBeGreaterThan(57);
    expect(served.length).toBeLessThanOrEqual(62);
    // And its turn among the hundred others.
    expect(known).toBeGreaterThanOrEqual(19);
    expect(known).toBeLessThanOrEqual(22);
  });

  it('that wait are not overtaken by who comes when the bucket has just filled', () => {
    const { served, want } = setUp();
    for (let i = 0; i < 3; i++) want('a');
    vi.setSystemTime(150);
    want('b');
    expect(served).toEqual(['a', 'a']);
    vi.advanceTimersByTime(100);
    expect(served.slice(0, 3)).toEqual(['a', 'a', 'a']);
  });

  it('of a channel that has nothing to send any more, or is gone, take nobody’s turn', () => {
    const { turns, served, want, waiter } = setUp();
    want('a');
    want('a');
    want(
      'b',
      waiter('b', () => false),
    );
    const gone = want('c', waiter('c'));
    turns.withdraw('hub', ['c'], gone);
    want('d');
    vi.advanceTimersByTime(100);
    expect(served).toEqual(['a', 'a', 'd']);
  });

  it('do not hold up other destinations, and leave nothing behind', () => {
    const { turns, served, want } = setUp();
    for (let i = 0; i < 5; i++) want('a');
    want('a', undefined, 'elsewhere');
    expect(served).toHaveLength(3);
    expect(turns.size).toBe(2);
    vi.advanceTimersByTime(1000);
    turns.tick(now());
    expect(turns.size).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('waits once, however often a channel wants', () => {
    const { served, want, waiter } = setUp();
    want('a');
    want('a');
    const one = waiter('one');
    for (let i = 0; i < 10; i++) want('b', one);
    vi.advanceTimersByTime(2000);
    expect(served).toEqual(['a', 'a', 'one']);
  });

  it('end with the relay', () => {
    const { turns, want, served } = setUp();
    for (let i = 0; i < 5; i++) want('a');
    turns.close();
    vi.advanceTimersByTime(2000);
    expect(served).toHaveLength(2);
    expect(vi.getTimerCount()).toBe(0);
  });
});
