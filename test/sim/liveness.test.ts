// What must come to an end, whatever the network does, and what a seed does not try.
import { describe, expect, it } from 'vitest';
import { type LinkModel, PERFECT } from './link.ts';
import { QUIET } from './party.ts';
import { run } from './run.ts';
import type { Scenario, Session } from './scenario.ts';

const MINUTE = 60_000;
/** RFC 9293 §3.8.3's R2, and the longest wait between two attempts. */
const PATIENCE = 924_000 + 120_000;

function scenario(
  links: [Partial<LinkModel>, Partial<LinkModel>],
  sessions: Session[],
  more: Partial<Scenario> = {},
): Scenario {
  return {
    seed: 1,
    workload: 'random',
    version: 4,
    mtu: [1420, 1420],
    links: [
      { ...PERFECT, ...links[0] },
      { ...PERFECT, ...links[1] },
    ],
    naps: [undefined, undefined],
    options: [{}, {}],
    sessions,
    backlog: 64,
    acceptEvery: 0,
    mayFail: false,
    ...more,
  };
}

function both(total: number): Session {
  return { at: 0, client: { ...QUIET, total }, server: { ...QUIET, total } };
}

describe('a transfer ends', () => {
  it.each([
    [0.05, 100_000, 20],
    [0.1, 100_000, 60],
    [0.3, 30_000, 900],
    [0.5, 3000, 1800],
  ])(
    'with %d of all packets lost, both ways, %i bytes in less than %i s',
    (probability, bytes, seconds) => {
      const loss = { kind: 'bernoulli', probability } as const;
      for (let seed = 1; seed <= 10; seed++) {
        const { error, took } = run(scenario([{ loss }, { loss }], [both(bytes)], { seed }));
        // Half of all lost both ways: three of four rounds fail, and fifteen in a row may.
        if (probability < 0.5) expect(error, `seed ${seed}`).toBeUndefined();
        expect(took / 1000).toBeLessThan(seconds);
      }
    },
    60_000,
  );

  it('in little more than the stalls, when everything is held for 400 ms every 5 s', () => {
    const stall = { every: 5000, length: 400 };
    const links: [Partial<LinkModel>, Partial<LinkModel>] = [{ stall, rate: 1250, queue: 50_000 }, { stall }];
    const upload = { at: 0, client: { ...QUIET, total: 10_000_000 }, server: QUIET };
    const { error, took, resent, events } = run(scenario(links, [upload]));
    expect(error).toBeUndefined();
    // 8 s at the link's rate, and two stalls.
    expect(took).toBeLessThan(10_000);
    // What the queue dropped is needed; at most two segments more for each stall.
    expect(resent).toBeLessThanOrEqual(events.length + 4);
  }, 60_000);

  it.each([4, 6] as const)('over IPv%i through a narrower link, whose router says so', (version) => {
    const narrow = { mtu: version === 4 ? 1000 : 1300 };
    const { error, took } = run(scenario([narrow, narrow], [both(100_000)], { version }));
    expect(error).toBeUndefined();
    expect(took).toBeLessThan(2000);
  });

  it.each([4, 6] as const)('over IPv%i through a narrower link whose router says nothing', (version) => {
    const narrow = { mtu: version === 4 ? 1200 : 1340, isBlackHole: true };
    const upload = { at: 0, client: { ...QUIET, total: 100_000 }, server: QUIET };
    const { error, took, blackHoleSuspicions } = run(scenario([narrow, narrow], [upload], { version }));
    expect(error).toBeUndefined();
    // Three timeouts, of 200 ms and more.
    expect(took).toBeLessThan(3000);
    expect(blackHoleSuspicions).toBe(1);
  });
});

describe('a network that is gone for ever', () => {
  it('ends both ends, if both have something to send, with a timeout', () => {
    const loss = { kind: 'blackout', from: 2000 } as const;
    const links: [Partial<LinkModel>, Partial<LinkModel>] = [
      { loss, rate: 100, queue: 20_000 },
      { loss, rate: 100, queue: 20_000 },
    ];
    const { error, took, failures } = run(scenario(links, [both(1_000_000)], { mayFail: true }));
    expect(error).toBeUndefined();
    expect(took).toBeLessThan(PATIENCE + MINUTE);
    expect(failures).toEqual(['ERR_TIMEOUT', 'ERR_TIMEOUT']);
  });

  it('is noticed by keep-alive where nobody has anything to send', () => {
    const loss = { kind: 'blackout', from: 2000 } as const;
    const waiting: Session = {
      at: 0,
      client: { ...QUIET, total: 1, ending: 'after-peer' },
      server: { ...QUIET, total: 1, ending: 'after-peer' },
    };
    const options = { keepAliveDelay: 10_000 };
    const { error, took, failures } = run(
      scenario([{ loss }, { loss }], [waiting], { options: [options, options], mayFail: true }),
    );
    expect(error).toBeUndefined();
    expect(took).toBeLessThan(2 * MINUTE);
    expect(failures).toEqual(['ERR_TIMEOUT', 'ERR_TIMEOUT']);
  });

  describe('where nothing else may end badly', () => {
    const loss = { kind: 'blackout', from: 2000 } as const;
    const waiting = { ...QUIET, total: 1, ending: 'after-peer' } as const;
    const sessions = [{ at: 0, client: waiting, server: waiting }];
    const runWith = (options: Scenario['options'][0]) =>
      run(scenario([{ loss }, { loss }], sessions, { options: [options, options] }));

    it('is reason enough to give up, once all probes are lost', () => {
      const { error, failures } = runWith({ keepAliveDelay: 10_000 });
      expect(error).toBeUndefined();
      expect(failures).toEqual(['ERR_TIMEOUT', 'ERR_TIMEOUT']);
    });

    it('is none after fewer', () => {
      const { error } = runWith({ keepAliveDelay: 10_000, userTimeout: 75_000 });
      expect(error?.message).toMatch(/^session 0, client ended with /);
    });
  });

  it('that was never there: the SYN is given up after three minutes', () => {
    const loss = { kind: 'blackout', from: 0 } as const;
    const { error, took, failures } = run(scenario([{ loss }, { loss }], [both(1)], { mayFail: true }));
    expect(error).toBeUndefined();
    expect(took).toBe(3 * MINUTE);
    expect(failures).toEqual(['ERR_TIMEOUT']);
  });
});

describe('many', () => {
  it('a thousand connections at once share a link, and all end', () => {
    const sessions = Array.from({ length: 1000 }, (_, i) => ({ ...both(300 + i), at: i % 100 }));
    const link = { rate: 1250, queue: 100_000, loss: { kind: 'bernoulli', probability: 0.01 } } as const;
    const { error, took } = run(scenario([link, link], sessions, { backlog: 2000 }));
    expect(error).toBeUndefined();
    expect(took).toBeLessThan(MINUTE);
  }, 120_000);
});
