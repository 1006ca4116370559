// Paths on which large packets vanish without a word (RFC 2923 §2.1, RFC 4821).
import { describe, expect, it } from 'vitest';
import { established, type Ladder } from './tcp-ladder.ts';

const MSS = 1380;

/** Sends one segment of full size that is never acknowledged, through `timeouts` timeouts. Returns the sizes that left. */
function vanishing(ladder: Ladder, timeouts: number): number[] {
  const sizes: number[] = [];
  ladder.ip.outlet = (packet) => sizes.push(packet.end - packet.start - 20);
  ladder.run(`+0 write ${MSS}`);
  for (let i = 0, wait = 300; i < timeouts; i++, wait *= 2) ladder.run(`+${wait} poll`);
  return sizes;
}

/** Polls on until segments are smaller. */
function timeoutsUntilSmaller(ladder: Ladder): number {
  while (ladder.connection!.info().mss === MSS) ladder.run('+100 poll');
  return ladder.connection!.info().timeouts;
}

describe('black holes (RFC 4821)', () => {
  it('are suspected after three timeouts in a row, and avoided by smaller segments', () => {
    const ladder = established({ peer: `mss ${MSS}` });
    expect(vanishing(ladder, 3)).toEqual([MSS, MSS, MSS, 1024, 356]);
    expect(ladder.connection!.info().mss).toBe(1024);
    // As long as nothing arrives, smaller ones are tried, down to what every path carries.
    ladder.run('+2400 poll\n+4800 poll\n+9600 poll');
    expect(ladder.connection!.info().mss).toBe(536);
  });

  it('are not suspected where small segments do not arrive either', () => {
    const ladder = established({ peer: `mss ${MSS}` });
    ladder.ip.outlet = () => {};
    ladder.run('+0 write 100\n+300 poll\n+600 poll\n+1200 poll\n+2400 poll\n+4800 poll\n+9600 poll');
    expect(ladder.connection!.info().mss).toBe(MSS);
  });

  it('are suspected after two timeouts, if smaller segments arrive meanwhile', () => {
    const ladder = established({ peer: `mss ${MSS},sackOK`, connect: { noDelay: true } });
    ladder.ip.outlet = () => {};
    ladder.run(`+0 write ${MSS}\n+0 write 100\n+20 < . 1:1(0) ack 1 <sack ${1 + MSS}:${101 + MSS}>`);
    expect(timeoutsUntilSmaller(ladder)).toBe(2);
  });

  it('are suspected after six only, if a segment as large has arrived', () => {
    const ladder = established({ peer: `mss ${MSS},sackOK` });
    ladder.ip.outlet = () => {};
    ladder.run(`+0 write ${2 * MSS}\n+20 < . 1:1(0) ack 1 <sack ${1 + MSS}:${1 + 2 * MSS}>`);
    expect(timeoutsUntilSmaller(ladder)).toBe(6);
  });

  it('are forgotten when a larger segment arrives; the window does not pay for one that vanishes', () => {
    for (const passes of [true, false]) {
      const ladder = established({ peer: `mss ${MSS},sackOK` });
      vanishing(ladder, 4);
      expect(ladder.connection!.info()).toMatchObject({ mss: 1024, tailProbes: 1 });
      ladder.run(`+0 < . 1:1(0) ack ${1 + MSS}`);
      const { cwnd } = ladder.connection!.info();
      const at = 1 + MSS;
      ladder.run('+601000 poll');
      const sizes: number[] = [];
      ladder.ip.outlet = (packet) => sizes.push(packet.end - packet.start - 20);
      ladder.run(`+0 write ${MSS + 2048}`);
      expect(sizes.slice(0, 1)).toEqual([MSS]);
      if (passes) {
        ladder.run(`+100 < . 1:1(0) ack ${at + MSS}`);
        expect(ladder.connection!.info()).toMatchObject({ mss: MSS, recoveries: 0 });
      } else {
        ladder.run(`+100 < . 1:1(0) ack ${at} <sack ${at + MSS}:${at + MSS + 1024}>\n+100 poll`);
        const info = ladder.connection!.info();
        expect(info).toMatchObject({ mss: 1024, recoveries: 0 });
        expect(info.cwnd).toBeGreaterThanOrEqual(cwnd);
        expect(Math.max(...sizes.slice(1))).toBeLessThanOrEqual(1024);
      }
    }
  });

  it('were none if the first copy turns out to have arrived late', () => {
    const ladder = established({ peer: `mss ${MSS + 12},TS 1000 0` });
    vanishing(ladder, 3);
    expect(ladder.connection!.info().mss).toBe(1012);
    ladder.run(`+10 < . 1:1(0) ack ${1 + MSS} <TS 1100 100>`);
    expect(ladder.connection!.info()).toMatchObject({ mss: 1368, undos: 1 });
  });
});
