import { describe, expect, it } from 'vitest';
import { established } from './tcp-ladder.ts';

/** A connection whose first sixteen segments, acknowledged without delay, are over. */
function calm(peer = 'mss 1380') {
  const ladder = established({ peer });
  const { outlet } = ladder.ip;
  ladder.ip.outlet = () => {};
  for (let i = 0; i < 20; i++)
    ladder.run(`+0 < . ${1 + i * 1000}:${1001 + i * 1000}(1000) ack 1\n+0 read 1000`);
  ladder.run('+100 nothing');
  ladder.ip.outlet = outlet;
  return ladder;
}

const BASE = 20_001;

function batch(count: number, from = BASE, last = '<'): string {
  const lines: string[] = [];
  for (let i = 0; i < count; i++) {
    lines.push(
      `+0 ${i === count - 1 ? last : '<+'} . ${from + i * 1000}:${from + (i + 1) * 1000}(1000) ack 1`,
    );
  }
  return lines.join('\n');
}

describe('when to acknowledge (RFC 9293 §3.8.6.3, RFC 5681 §4.2)', () => {
  it('waits 40 ms for a single segment', () => {
    calm().run(`${batch(1)}\n+40 > . 1:1(0) ack ${BASE + 1000}`);
  });

  it('does not wait when something goes the other way', () => {
    calm().run(
      `${batch(1)}\n+10 write 10\n+0 > P. 1:11(10) ack ${BASE + 1000}\n+100 < . ${BASE + 1000}:${BASE + 1000}(0) ack 11`,
    );
  });

  it('acknowledges the second full segment, at the end of the batch (SHLD-19)', () => {
    calm().run(`${batch(1)}\n${batch(1, BASE + 1000)}\n+0 > . 1:1(0) ack ${BASE + 2000}`);
    calm().run(`${batch(7)}\n+0 > . 1:1(0) ack ${BASE + 7000}`);
  });

  it('acknowledges within a long batch every sixteen segments', () => {
    calm().run(`${batch(40)}
      +0 > . 1:1(0) ack ${BASE + 16_000}
      +0 > . 1:1(0) ack ${BASE + 32_000}
      +0 > . 1:1(0) ack ${BASE + 40_000}`);
  });

  it('does not delay at the beginning of a connection', () => {
    established().run('+0 < P. 1:101(100) ack 1\n+0 > . 1:1(0) ack 101');
  });

  it('never acknowledges an ACK', () => {
    calm().run(`+0 < . ${BASE}:${BASE}(0) ack 1\n+1000 nothing`);
  });
});

describe('gaps (RFC 5681 §4.2, RFC 2018)', () => {
  it('are told one by one for the first three segments behind them, then once a batch', () => {
    calm('mss 1380,sackOK').run(`
      ${batch(10, BASE + 1000)}
      +0 > . 1:1(0) ack ${BASE} <sack ${BASE + 1000}:${BASE + 2000}>
      +0 > . 1:1(0) ack ${BASE} <sack ${BASE + 1000}:${BASE + 3000}>
      +0 > . 1:1(0) ack ${BASE} <sack ${BASE + 1000}:${BASE + 4000}>
      +0 > . 1:1(0) ack ${BASE} <sack ${BASE + 1000}:${BASE + 11000}>`);
  });

  it('are told for every segment to a peer without SACK, which counts them', () => {
    calm().run(`
      ${batch(6, BASE + 1000)}
      ${`+0 > . 1:1(0) ack ${BASE} <>\n`.repeat(6)}`);
  });

  it('that are filled, or partly filled, are told at once', () => {
    calm('mss 1380,sackOK').run(`
      ${batch(1, BASE + 1000)}
      +0 > . 1:1(0) ack ${BASE} <sack ${BASE + 1000}:${BASE + 2000}>
      ${batch(1, BASE + 3000)}
      +0 > . 1:1(0) ack ${BASE} <sack ${BASE + 3000}:${BASE + 4000} ${BASE + 1000}:${BASE + 2000}>
      ${batch(1, BASE)}
      +0 > . 1:1(0) ack ${BASE + 2000} <sack ${BASE + 3000}:${BASE + 4000}>
      ${batch(1, BASE + 2000)}
      +0 > . 1:1(0) ack ${BASE + 4000} <>
      +0 read 4000`);
  });

  it('that are filled little by little are told of each time, however long it takes', () => {
    const ladder = calm('mss 1380,sackOK');
    const { outlet } = ladder.ip;
    ladder.ip.outlet = () => {};
    const piece = (i: number) => `+0 < . ${BASE + i * 100}:${BASE + (i + 1) * 100}(100) ack 1`;
    for (let i = 1; i < 60; i += 2) ladder.run(piece(i));
    ladder.run('+100 nothing');
    ladder.ip.outlet = outlet;
    for (let i = 0; i < 58; i += 2) ladder.run(`${piece(i)}\n+0 > . 1:1(0) ack ${BASE + (i + 2) * 100}`);
  });

  it('are listed latest first, four of them, three beside timestamps (RFC 2018 §4)', () => {
    const block = (at: number) => `${BASE + at * 1000}:${BASE + (at + 1) * 1000}`;
    calm('mss 1380,sackOK').run(`
      ${batch(1, BASE + 1000)}
      +0 > . 1:1(0) ack ${BASE} <sack ${block(1)}>
      ${batch(1, BASE + 3000)}
      +0 > . 1:1(0) ack ${BASE} <sack ${block(3)} ${block(1)}>
      ${batch(1, BASE + 5000)}
      +0 > . 1:1(0) ack ${BASE} <sack ${block(5)} ${block(3)} ${block(1)}>
      ${batch(1, BASE + 7000)}
      +0 > . 1:1(0) ack ${BASE} <sack ${block(7)} ${block(5)} ${block(3)} ${block(1)}>
      ${batch(1, BASE + 9000)}
      +0 > . 1:1(0) ack ${BASE} <sack ${block(9)} ${block(7)} ${block(5)} ${block(3)}>`);
    const ladder = established({ peer: 'mss 1380,sackOK,TS 1000 0' });
    for (const at of [1, 3, 5]) {
      ladder.run(
        `+0 < . ${1 + at * 100}:${101 + at * 100}(100) ack 1 <TS 1000>`.concat('\n+0 > . 1:1(0) ack 1'),
      );
    }
    ladder.run(`
      +0 < . 701:801(100) ack 1 <TS 1000>
      +0 > . 1:1(0) ack 1 <TS 100 1000,sack 701:801 501:601 301:401>`);
  });

  it('leave room for their blocks in segments with text', () => {
    const ladder = established({ peer: 'mss 1380,sackOK' });
    ladder.run(`
      +0 < . 101:201(100) ack 1
      +0 > . 1:1(0) ack 1 <sack 101:201>
      +0 write 1380
      +0 > . 1:1369(1368) ack 1 <sack 101:201>
      +0 > P. 1369:1381(12) ack 1 <sack 101:201>`);
  });

  it('text that comes twice is reported first (RFC 2883)', () => {
    calm('mss 1380,sackOK').run(`
      ${batch(1)}
      ${batch(1)}
      +0 > . 1:1(0) ack ${BASE + 1000} <sack ${BASE}:${BASE + 1000}>
      ${batch(1, BASE + 3000)}
      +0 > . 1:1(0) ack ${BASE + 1000} <sack ${BASE + 3000}:${BASE + 4000}>
      ${batch(1, BASE + 3000)}
      +0 > . 1:1(0) ack ${BASE + 1000} <sack ${BASE + 3000}:${BASE + 4000} ${BASE + 3000}:${BASE + 4000}>`);
  });

  it('keep the bytes that came first where segments overlap', () => {
    const ladder = calm();
    ladder.ip.outlet = () => {};
    ladder.run(`
      +0 < . ${BASE + 500}:${BASE + 1500}(1000) ack 1
      +0 < . ${BASE + 2000}:${BASE + 2500}(500) ack 1
      +0 < . ${BASE}:${BASE + 3000}(3000) ack 1
      +0 read 3000`);
  });

  it('cannot make the table of ranges grow without end', () => {
    const ladder = calm();
    ladder.ip.outlet = () => {};
    for (let i = 1; i <= 400; i++) ladder.run(`+0 < . ${BASE + 2 * i}:${BASE + 2 * i + 1}(1) ack 1`);
    expect(ladder.layer.drops.of('tcp_ranges')).toBe(400 - 256);
    // What fills the first gap is taken all the same.
    ladder.run(`+0 < . ${BASE}:${BASE + 2}(2) ack 1\n+0 read 3`);
  });
});

describe('keep-alive (RFC 9293 §3.8.4)', () => {
  it('is off unless asked for', () => {
    established().run('+100000000 nothing');
  });

  it('probes an idle connection with a number the peer has had, and ends it after nine without an answer', () => {
    const ladder = established({ connect: { keepAliveDelay: 10_000 } });
    ladder.run('+10000 > . 0:0(0) ack 1\n+50 < . 1:1(0) ack 1');
    ladder.run('+10000 > . 0:0(0) ack 1');
    for (let i = 0; i < 8; i++) ladder.run('+10000 > . 0:0(0) ack 1');
    ladder.run('+10000 > R. 1:1(0) ack 1\n+0 error ERR_TIMEOUT');
  });

  it('does not count probes that are answered in the instant in which they leave', () => {
    const ladder = established({ connect: { keepAliveDelay: 10_000 } });
    for (let i = 0; i < 20; i++) ladder.run('+10000 > . 0:0(0) ack 1\n+0 < . 1:1(0) ack 1');
    ladder.run('+0 state ESTABLISHED');
  });

  it('can be switched on and off later', () => {
    const ladder = established();
    ladder.connection!.setOptions({ keepAliveDelay: 5000 });
    ladder.run('+5000 > . 0:0(0) ack 1\n+50 < . 1:1(0) ack 1');
    ladder.connection!.setOptions({ keepAliveDelay: 0 });
    ladder.run('+100000 nothing');
  });

  it("answers the peer's probes", () => {
    established().run('+10000 < . 0:0(0) ack 1\n+0 > . 1:1(0) ack 1');
  });
});

describe('ICMP errors (RFC 5927, RFC 1122 §4.2.3.9)', () => {
  it('that are hard end a connection that is not open yet, if they quote what is in flight', () => {
    const ladder = established();
    const opening = () => {
      const fresh = established();
      fresh.connection!.abort();
      return fresh.run('+0 poll\n+0 > R. 1:1(0)\n+0 connect\n+0 > S 0:0(0)');
    };
    const refused = opening();
    refused.icmp('refused', 7);
    expect(refused.connection!.state).toBe('SYN-SENT');
    refused.icmp('refused', 0);
    refused.run('+0 error ERR_CONNECTION_REFUSED');
    const prohibited = opening();
    prohibited.icmp('prohibited', 0);
    prohibited.run('+0 error ERR_HOST_UNREACHABLE');
    expect(ladder.layer.drops.of('tcp_icmp_mismatch')).toBe(0);
    expect(refused.layer.drops.of('tcp_icmp_mismatch')).toBe(1);
  });

  it('never end an open connection; the last one is told when it times out', () => {
    const ladder = established({ connect: { userTimeout: 500 } }).run('+0 write 10\n+0 > P. 1:11(10) ack 1');
    ladder.icmp('refused', 1);
    ladder.icmp('unreachable', 1);
    ladder.run('+0 state ESTABLISHED\n+300 > P. 1:11(10) ack 1\n+200 error ERR_HOST_UNREACHABLE');
    expect(ladder.error!.message).toBe('The network has no way to 10.0.0.2:80.');
  });
});

describe('after a break of the tunnel', () => {
  it('does not wait for a timer that has backed off', () => {
    const ladder = established().run(`
      +0    write 10
      +0    > P. 1:11(10)
      +300  > P. 1:11(10)
      +600  > P. 1:11(10)`);
    ladder.layer.reconnected(ladder.now);
    ladder.run('+0 > P. 1:11(10) ack 1');
  });

  it('says once more what it has, to a peer whose own timer has backed off: only the ACK may have been lost', () => {
    const ladder = established().run(`
      +0    < P. 1:101(100) ack 1
      +0    > . 1:1(0) ack 101`);
    ladder.layer.reconnected(ladder.now);
    ladder.run('+0 poll\n+0 > . 1:1(0) ack 101');
  });

  it.each([
    ['has never sent anything', '+0 nothing'],
    ['has sent nothing for five minutes', '+0 < P. 1:101(100) ack 1\n+0 > . 1:1(0) ack 101\n+300000 nothing'],
  ])('says nothing to a peer that %s', (_, before) => {
    const ladder = established().run(before);
    ladder.layer.reconnected(ladder.now);
    ladder.run('+0 poll\n+1000 nothing');
  });
});
