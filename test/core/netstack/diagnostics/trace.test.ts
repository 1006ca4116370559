import { describe, expect, it } from 'vitest';
import { type Hop, Trace, type TraceOptions } from '../../../../src/core/netstack/diagnostics/trace.ts';
import { NEVER } from '../../../../src/core/time.ts';
import { PEER_V4, PEER_V6 } from '../../../support/lone-stack.ts';
import { FakePath, type FakePathOptions } from './fake-path.ts';

const OPTIONS: TraceOptions = {
  method: 'icmp',
  firstHop: 1,
  maxHops: 30,
  probes: 3,
  timeout: 1000,
  size: 32,
};

function trace(path: FakePathOptions, options: Partial<TraceOptions> = {}) {
  const fake = new FakePath(path);
  const hops: Hop[] = [];
  let ended = 0;
  const running = new Trace(
    fake.lone.stack,
    fake.host,
    { ...OPTIONS, ...options },
    { hop: (hop) => hops.push(hop), ended: () => ended++ },
  );
  const startedAt = fake.lone.now;
  fake.run(running);
  const shown = hops.map(({ addresses, ...hop }) => ({ ...hop, addresses: addresses.map(String) }));
  return { fake, running, hops: shown, ended, took: fake.lone.now - startedAt };
}

for (const [name, host, routers] of [
  ['IPv4', PEER_V4, ['192.0.2.1', '192.0.2.2']],
  ['IPv6', PEER_V6, ['2001:db8::1', '2001:db8::2']],
] as const)
  for (const method of ['icmp', 'udp'] as const)
    describe(`a trace over ${name} by ${method}`, () => {
      const hop = (n: number, address: string, reached = false) => ({
        hop: n,
        addresses: [address],
        rtts: [2 * n, 2 * n, 2 * n],
        lost: 0,
        reached,
        reason: undefined,
      });

      it('tells of every router and of the host, in order, and ends there', () => {
        const { hops, ended, fake, running } = trace({ host, routers }, { method });
        expect(hops).toEqual([hop(1, routers[0]), hop(2, routers[1]), hop(3, host, true)]);
        expect(ended).toBe(1);
        expect(running.pollAt()).toBe(NEVER);
        // No more than what was under way anyway.
        expect(fake.sent.length).toBeLessThanOrEqual(3 * 3 + 8);
      });

      it('tells of routers that say nothing, after the timeout', () => {
        const { hops, took } = trace({ host, routers: [routers[0], undefined, routers[1]] }, { method });
        expect(hops.map(({ addresses, lost }) => [addresses.length, lost])).toEqual([
          [1, 0],
          [0, 3],
          [1, 0],
          [1, 0],
        ]);
        expect(took).toBeGreaterThanOrEqual(1000);
        expect(took).toBeLessThan(1100);
      });

      it('counts single losses, and forgets answers that come too late', () => {
        const { hops } = trace({ host, routers, lost: 1 }, { method });
        expect(hops[0]).toMatchObject({ lost: 1, rtts: [2, 2] });
        expect(trace({ host, routers }, { method, timeout: 1 }).hops[0]).toMatchObject({ lost: 3, rtts: [] });
      });

      it('ends at the last hop that it may, when nobody answers', () => {
        const { hops, ended } = trace(
          { host, routers: [], isAlive: false },
          { method, maxHops: 4, probes: 1 },
        );
        expect(hops.map(({ hop: n, lost, reached }) => [n, lost, reached])).toEqual(
          [1, 2, 3, 4].map((n) => [n, 1, false]),
        );
        expect(ended).toBe(1);
      });

      it('ends where a router says that it goes no further, and says why', () => {
        const refusal = name === 'IPv4' ? ([3, 13] as const) : ([1, 1] as const);
        const { hops } = trace({ host, routers, refusal }, { method });
        expect(hops).toHaveLength(3);
        expect(hops[2]).toMatchObject({ reached: false, reason: 'prohibited', addresses: [routers[1]] });
      });

      it('begins where it is told', () => {
        const { hops } = trace({ host, routers }, { method, firstHop: 2 });
        expect(hops.map(({ hop: n, addresses }) => [n, ...addresses])).toEqual([
          [2, routers[1]],
          [3, host],
        ]);
      });
    });

it('a trace by UDP is glad of somebody who listens and answers', () => {
  const fake = new FakePath({ host: PEER_V4, routers: ['192.0.2.1'], isAlive: false });
  const hops: Hop[] = [];
  const running = new Trace(
    fake.lone.stack,
    fake.host,
    { ...OPTIONS, method: 'udp', probes: 1 },
    { hop: (hop) => hops.push(hop), ended: () => {} },
  );
  fake.run(running, 5);
  // The probe of the second hop went to the second port.
  const probe = fake.sent[1]!;
  const view = new DataView(probe.buffer);
  expect(view.getUint16(22)).toBe(33_435);
  fake.say(33_435, view.getUint16(20), fake.lone.now + 3);
  fake.run(running);
  expect(hops[1]).toMatchObject({ hop: 2, reached: true, lost: 0 });
});

it('a trace that is closed sends nothing more and holds nothing', () => {
  const fake = new FakePath({ host: PEER_V4, routers: ['192.0.2.1'] });
  const running = new Trace(fake.lone.stack, fake.host, OPTIONS, { hop: () => {}, ended: () => {} });
  running.close();
  running.close();
  fake.run(running);
  expect(fake.sent).toEqual([]);
  expect(running.pollAt()).toBe(NEVER);
});
