import { describe, expect, it } from 'vitest';
import type { SocketStatus, TunnelStatus } from '../../src/index.ts';
import { History } from '../../web/instruments/history.ts';
import { niceAbove, timeMarks, topOf } from '../../web/instruments/scale.ts';

function status(received: number, retransmits = 0, transport = {}): TunnelStatus {
  const peer = { transferRx: received, transferTx: 2 * received };
  return {
    peers: [peer, peer],
    tcp: { connections: 0, retransmits, blackHoles: 0 },
    transport: { rtt: 12, queued: 300, ...transport },
  } as unknown as TunnelStatus;
}

const connection = (state: string, rtt: number) => ({ state, tcp: { rtt } }) as unknown as SocketStatus;

describe('the history of the instruments', () => {
  it('has rates of all peers together, and a gap where nothing is known', () => {
    const history = new History();
    history.read(status(1000), [], undefined, 10_000);
    history.read(status(3000, 4), [connection('ESTABLISHED', 30)], 7, 12_000);
    expect(history.times).toEqual([10, 12]);
    expect(history.columns.received).toEqual([null, 2000]);
    expect(history.columns.sent).toEqual([null, 4000]);
    expect(history.columns.retransmits).toEqual([null, 2]);
    expect(history.columns.queued).toEqual([300, 300]);
    expect(history.columns.relay).toEqual([12, 12]);
    expect(history.columns.tcp).toEqual([null, 30]);
    expect(history.columns.ping).toEqual([null, 7]);
  });

  it('takes the slowest connection that is open', () => {
    const history = new History();
    const sockets = [connection('ESTABLISHED', 5), connection('ESTABLISHED', 9), connection('SYN-SENT', 99)];
    history.read(status(0), sockets, undefined, 1000);
    expect(history.columns.tcp).toEqual([9]);
  });

  it('says nothing of a counter that went back, as when a peer was removed', () => {
    const history = new History();
    history.read(status(9000), [], undefined, 1000);
    history.read(status(10, 0, { rtt: undefined }), [], undefined, 2000);
    expect(history.columns.received).toEqual([null, null]);
    expect(history.columns.relay).toEqual([12, null]);
  });

  it('leaves out what comes too close, and keeps a quarter of an hour', () => {
    const history = new History();
    for (let second = 0; second < 1000; second++) {
      history.read(status(second), [], undefined, second * 1000);
      history.read(status(second), [], undefined, second * 1000 + 100);
    }
    expect(history.times).toHaveLength(900);
    expect(history.times[0]).toBe(100);
    for (const column of Object.values(history.columns)) expect(column).toHaveLength(900);
  });
});

describe('the axes of a plot', () => {
  it('end at round numbers a little above the largest value', () => {
    expect([0.7, 1, 1.2, 2.4, 3, 7, 96].map(niceAbove)).toEqual([1, 1, 2, 2.5, 5, 10, 100]);
    expect(topOf([1, null, 470, undefined], 1)).toBe(500);
    expect(topOf([490], 1)).toBe(1000);
    expect(topOf([], 1000)).toBe(1000);
  });

  it('tell how long ago it was', () => {
    expect(timeMarks(100, 60)).toEqual([
      { at: 40, text: '−60 s' },
      { at: 70, text: '−30 s' },
      { at: 100, text: 'now' },
    ]);
    expect(timeMarks(0, 300)[0]!.text).toBe('−5 min');
  });
});
