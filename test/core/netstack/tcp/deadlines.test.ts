import { expect, it } from 'vitest';
import { Deadlines } from '../../../../src/core/netstack/tcp/deadlines.ts';
import { Tcb } from '../../../../src/core/netstack/tcp/tcb.ts';
import { TcpLayer } from '../../../../src/core/netstack/tcp/tcp-layer.ts';
import { plainMemory } from '../../../../src/core/packet-buffer.ts';
import { SeededRandom } from '../../../support/random.ts';
import { address, FakeIp, hashEnvironment } from './fake-ip.ts';

function connection(): Tcb {
  const layer = new TcpLayer(new FakeIp([address('10.0.0.1')], plainMemory(1 << 16, 16)), hashEnvironment(1));
  const ends = { address: address('10.0.0.1'), port: 1 };
  return new Tcb(layer, ends, ends, {});
}

it('Deadlines gives out what a sorted list would, and puts a deadline only forward', () => {
  const random = new SeededRandom(1);
  const deadlines = new Deadlines();
  const all = Array.from({ length: 200 }, connection);
  const model = new Map<Tcb, number>();
  for (let step = 0; step < 20_000; step++) {
    const tcb = all[random.below(all.length)]!;
    const at = random.below(100_000);
    const verb = random.below(4);
    if (verb < 2) {
      tcb.resendAt = at;
      deadlines.schedule(tcb);
      model.set(tcb, Math.min(at, model.get(tcb) ?? Number.POSITIVE_INFINITY));
    } else if (verb === 2) {
      deadlines.remove(tcb);
      model.delete(tcb);
    } else {
      const least = Math.min(...model.values());
      expect(deadlines.next).toBe(least);
      const due = deadlines.takeDue(at);
      if (least > at) expect(due).toBeUndefined();
      else {
        expect(model.get(due!)).toBe(least);
        model.delete(due!);
      }
    }
  }
});
