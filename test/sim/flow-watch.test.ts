// The simulator's watch over the wire: it must notice.
import { beforeEach, describe, expect, it } from 'vitest';
import { ACK, FIN, SYN, TcpSegment } from '../../src/core/wire/tcp.ts';
import { FlowWatch } from './flow-watch.ts';

const MSS = 1000;
let a: FlowWatch;
let b: FlowWatch;

function segment(sequence: number, length: number, acknowledgment: number, more: Partial<TcpSegment> = {}) {
  const made = Object.assign(new TcpSegment(), { flags: ACK, window: 5000, sequence, acknowledgment }, more);
  made.payloadEnd = length;
  return made;
}

function withSack(acknowledgment: number, ...blocks: number[]) {
  const made = segment(501, 0, acknowledgment, { sackCount: blocks.length / 2 });
  made.sackBlocks.set(blocks);
  return made;
}

describe('the watch over a flow', () => {
  beforeEach(() => {
    a = new FlowWatch('a');
    b = new FlowWatch('b');
    a.opposite = b;
    b.opposite = a;
    a.see(segment(100, 0, 0, { flags: SYN }), 0);
    b.see(segment(500, 0, 101, { flags: SYN | ACK }), 0);
    a.see(segment(101, MSS, 501), 1);
    b.see(segment(501, 0, 1101), 1);
  });

  it('is content with a connection in order', () => {
    a.see(segment(1101, MSS, 501), 2);
    a.see(segment(1101, MSS, 501), 3);
    b.see(withSack(1101, 1101, 2101, 1102, 2101), 4);
    a.see(segment(2101, 0, 501, { flags: FIN | ACK }), 4);
    expect(a.resent).toBe(1);
  });

  it('notices an ACK that goes back, or acknowledges what was never sent', () => {
    expect(() => b.see(segment(501, 0, 101), 2)).toThrow('ACK went back');
    expect(() => b.see(segment(501, 0, 1102), 2)).toThrow('ACK of what was never sent');
  });

  it('notices a right edge that moves left', () => {
    expect(() => b.see(segment(501, 0, 1101, { window: 4999 }), 2)).toThrow('right edge moved left by 1');
  });

  it('notices what goes beyond the window, but for one octet', () => {
    a.see(segment(1101, 5001, 501), 2);
    expect(() => a.see(segment(6102, 1, 501), 2)).toThrow('sent 2 beyond the window');
  });

  it('notices a hole, and text after a FIN', () => {
    expect(() => a.see(segment(1102, MSS, 501), 2)).toThrow('left a hole');
    a.see(segment(1101, 0, 501, { flags: FIN | ACK }), 2);
    expect(() => a.see(segment(1101, 2, 501), 2)).toThrow('after its FIN');
  });

  it('notices SACK blocks that cannot be', () => {
    expect(() => b.see(withSack(1101, 1101, 1200), 2)).toThrow('SACK of what was never sent');
    a.see(segment(1101, MSS, 501), 2);
    expect(() => b.see(withSack(1101, 1300, 1300), 2)).toThrow('an empty SACK block');
    expect(() => b.see(withSack(1101, 1200, 1300, 1101, 1200), 2)).toThrow('not behind a gap');
  });

  it('notices timestamps that were not agreed to, and a segment without ACK', () => {
    expect(() => a.see(segment(1101, 1, 501, { hasTimestamps: true }), 2)).toThrow('nobody agreed to');
    expect(() => a.see(segment(1101, 1, 501, { flags: 0 }), 2)).toThrow('without ACK');
  });

  const storm = () => {
    for (let i = 0; i < 60; i++) b.see(segment(501, 0, 1101), 10 + i);
  };

  it('notices a storm of equal ACKs that nothing asked for', () => {
    expect(storm).toThrow('storm');
  });

  it('is content with as many ACKs as there were segments to answer', () => {
    b.answerable = 60;
    storm();
    expect(b.segments).toBe(62);
  });
});
