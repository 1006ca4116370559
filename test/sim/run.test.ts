// The simulator itself: a run repeats, a perfect link needs nothing twice, and what is broken is noticed and reduced.
import { describe, expect, it, vi } from 'vitest';
import { TcpConnection } from '../../src/core/netstack/tcp/connection.ts';
import { SendQueue } from '../../src/core/netstack/tcp/send-queue.ts';
import { checkSeed } from './check.ts';
import { PERFECT } from './link.ts';
import { QUIET } from './party.ts';
import { run } from './run.ts';
import { type Scenario, scenarioOf, WORKLOADS } from './scenario.ts';

const MEGABYTE: Scenario = {
  seed: 1,
  workload: 'bulk up',
  version: 4,
  mtu: [1420, 1420],
  links: [PERFECT, PERFECT],
  naps: [undefined, undefined],
  options: [{}, {}],
  sessions: [{ at: 0, client: { ...QUIET, total: 1_000_000 }, server: QUIET }],
  backlog: 8,
  acceptEvery: 0,
  mayFail: false,
};

describe('a run of the simulator', () => {
  it('needs nothing twice on a perfect link', () => {
    const { error, resent, packets } = run(MEGABYTE);
    expect(error).toBeUndefined();
    expect(resent).toBe(0);
    expect(packets).toBeGreaterThan(1_000_000 / 1368);
  });

  it('repeats itself to the byte', () => {
    for (const seed of [3, 2 ** 40 + 3]) {
      const scenario = scenarioOf(seed);
      const { error, ...first } = run(scenario, { hashWire: true });
      expect(error).toBeUndefined();
      expect(run(scenario, { hashWire: true })).toEqual({ ...first, error });
    }
    expect(scenarioOf(2 ** 40 + 3)).not.toEqual({ ...scenarioOf(3), seed: 2 ** 40 + 3 });
  });

  it('has every workload among its first seeds', () => {
    const seen = new Set(Array.from({ length: 200 }, (_, seed) => scenarioOf(seed).workload));
    expect([...seen].sort()).toEqual([...WORKLOADS].sort());
  });

  it('notices a byte that is not the one that was written', () => {
    const copy = SendQueue.prototype.copy;
    const spy = vi.spyOn(SendQueue.prototype, 'copy').mockImplementation(function (
      this: SendQueue,
      ...given
    ) {
      copy.apply(this, given);
      const [, , view, target] = given;
      view.setUint8(target, view.getUint8(target) ^ 1);
    });
    expect(run(MEGABYTE).error?.message).toBe('a byte after 0 is wrong');
    spy.mockRestore();
  });

  it('notices an end that never comes, and says what it takes', () => {
    const spy = vi.spyOn(TcpConnection.prototype, 'shutdown').mockImplementation(() => {});
    expect(checkSeed(6)).toMatchObject({ message: 'stuck: nobody waits for anything', events: [] });
    spy.mockRestore();
  });
});
