// What RFC 9293 demands and no other ladder shows; the numbers are those of its appendix B.
import { describe, expect, it } from 'vitest';
import { IpAddress } from '../../src/core/address.ts';
import { TunnelError } from '../../src/core/errors.ts';
import type { ConnectOptions } from '../../src/core/netstack/tcp/state.ts';
import { readTcp, TcpSegment } from '../../src/core/wire/tcp.ts';
import { LoneStack } from '../support/lone-stack.ts';
import { u32 } from '../support/packets.ts';
import { tcpPacket } from '../support/tcp-packets.ts';
import { established, type Ladder } from './tcp-ladder.ts';

const SYN = 2;

describe('segments (RFC 9293 §3.1, §3.7)', () => {
  it('takes a window above 32,767 for what it is (MUST-1)', () => {
    const ladder = established({ peer: 'mss 60000', mtu: 9000, window: 65_535 });
    ladder.run(`
      +0 write 60000
      +0 > . 1:8961(8960) ack 1
      +0 > . 8961:17921(8960) ack 1
      +10 < . 1:1(0) ack 17921 win 40000
      +0 > . 17921:26881(8960) ack 1
      +0 > . 26881:35841(8960) ack 1
      +0 > . 35841:44801(8960) ack 1
      +0 > . 44801:53761(8960) ack 1`);
  });

  it('sends 1,220 bytes over IPv6 to a peer that said no MSS (MUST-15)', () => {
    established({ version: 6, peer: '' }).run('+0 write 1220\n+0 > P. 1:1221(1220) ack 1');
    established({ version: 6, peer: '' }).run(
      '+0 write 1221\n+0 > . 1:1221(1220) ack 1\n+0 > P. 1221:1222(1) ack 1',
    );
  });

  it('fits segments to the peer’s MSS and to the MTU, whichever is less, options deducted (MUST-16)', () => {
    established({ peer: 'mss 1000' }).run(
      '+0 write 1001\n+0 > . 1:1001(1000) ack 1\n+0 > P. 1001:1002(1) ack 1',
    );
    established({ peer: 'mss 1460' }).run(
      '+0 write 1381\n+0 > . 1:1381(1380) ack 1\n+0 > P. 1381:1382(1) ack 1',
    );
    const withTimestamps = established({ peer: 'mss 1000,TS 1000 0' });
    withTimestamps.run('+0 write 989\n+0 > . 1:989(988) ack 1\n+0 > P. 989:990(1) ack 1');
  });

  it('believes a reset that carries text (SHLD-2)', () => {
    established().run('+0 < R. 1:11(10) ack 1\n+0 error ERR_CONNECTION_RESET');
  });

  it('delivers urgent text in line, whatever the pointer says', () => {
    for (const urgent of [0, 1, 5, 10, 65_535]) {
      const lone = new LoneStack();
      const listener = lone.stack.listenTcp({ port: 80 }, lone.now);
      const base = { source: '10.0.0.1', destination: '10.0.0.2', sourcePort: 5, destinationPort: 80 };
      const [answer] = lone.exchange(tcpPacket({ ...base, sequence: 99, flags: SYN }));
      const acknowledgment = new DataView(answer!.buffer).getUint32(24) + 1;
      const text = Uint8Array.of(1, 2, 3, 4, 5);
      lone.exchange(tcpPacket({ ...base, sequence: 100, acknowledgment, flags: 0x30, urgent, data: text }));
      const target = new Uint8Array(10);
      expect(listener.accept()!.readInto(target)).toBe(5);
      expect(target.subarray(0, 5)).toEqual(text);
    }
  });
});

describe('windows that shrink (RFC 9293 §3.8.6)', () => {
  it('sends nothing new into a window that shrank, and again what it still allows (SHLD-15, SHLD-16)', () => {
    const ladder = established({ peer: 'mss 1000', window: 5000 });
    ladder.run(`
      +0  write 6000
      +0  > . 1:1001(1000) ack 1
      +0  > . 1001:2001(1000) ack 1
      +0  > . 2001:3001(1000) ack 1
      +0  > . 3001:4001(1000) ack 1
      +0  > . 4001:5001(1000) ack 1
      +10 < . 1:1(0) ack 1001 win 2000
      +0  nothing`);
    // 1001:3001 is still allowed; what leaves begins with that, and nothing beyond 5001 leaves.
    const segments = watch(ladder);
    while (ladder.now < 20_000) ladder.layer.poll((ladder.now += 100));
    expect(segments.length).toBeGreaterThan(2);
    const first = segments[0]!.sequence;
    for (const { sequence, payloadLength } of segments)
      expect((sequence - first + payloadLength) | 0).toBeLessThanOrEqual(4000);
  });
});

describe('keep-alive (RFC 9293 §3.8.4)', () => {
  it('sends no keep-alive probe while something is outstanding, or has just come (MUST-26)', () => {
    const ladder = established({ connect: { keepAliveDelay: 1000 }, peer: 'mss 1000' });
    ladder.run(
      '+500 < P. 1:11(10) ack 1\n+0 > . 1:1(0) ack 11\n+0 read 10\n+999 nothing\n+1 > . 0:0(0) ack 11',
    );
    ladder.run('+1 < . 11:11(0) ack 1\n+499 write 10\n+0 > P. 1:11(10) ack 11');
    // Retransmissions, with text, and never an empty segment.
    const segments = watch(ladder);
    for (let i = 0; i < 50; i++) ladder.layer.poll((ladder.now += 100));
    expect(segments.length).toBeGreaterThan(1);
    for (const { payloadLength } of segments) expect(payloadLength).toBe(10);
  });
});

describe('opening (RFC 9293 §3.9.1.1)', () => {
  it('listens on a port from which a connection is being made, and leaves that alone (MUST-41, MUST-42)', () => {
    const { stack, now } = new LoneStack();
    const remote = { address: address('10.0.0.1'), port: 9 };
    const connection = stack.connectTcp(remote, { localPort: 80 }, now);
    stack.poll(now);
    stack.listenTcp({ port: 80 }, now);
    expect(connection.state).toBe('SYN-SENT');
    expect(stack.tcp.connectionCount).toBe(1);
  });

  it('speaks from the address that it is told to, or else from the one that suits (MUST-43, MUST-44)', () => {
    const lone = new LoneStack({ addresses: ['10.0.0.2/24', '10.0.0.3/24', '192.168.0.2/24'] });
    const connect = (to: string, options: ConnectOptions = {}) => {
      lone.stack.connectTcp({ address: address(to), port: 9 }, options, lone.now);
      const [syn] = lone.exchange();
      return syn!.subarray(12, 16).join('.');
    };
    expect(connect('10.0.0.1', { localAddress: address('10.0.0.3') })).toBe('10.0.0.3');
    expect(connect('10.0.0.1')).toBe('10.0.0.2');
    expect(connect('192.168.0.1')).toBe('192.168.0.2');
  });

  it('refuses to connect to everybody, to a group and to nobody (MUST-46)', () => {
    const { stack, now } = new LoneStack();
    const connect = (to: string) => stack.connectTcp({ address: address(to), port: 9 }, {}, now);
    for (const to of ['255.255.255.255', '10.0.0.255', '224.0.0.1', '0.0.0.0', 'ff02::1', '::'])
      expect(() => connect(to), to).toThrow(TunnelError);
    expect(() => connect('224.0.0.1')).toThrow('224.0.0.1 is not the address of one host.');
    expect(stack.tcp.connectionCount).toBe(0);
  });

  it('sends with the TTL and the DSCP that were chosen, and with others when they change (MUST-48, MUST-49)', () => {
    const lone = new LoneStack();
    const remote = { address: address('10.0.0.1'), port: 9 };
    const connection = lone.stack.connectTcp(remote, { ttl: 7, tos: 0xb8, localPort: 5 }, lone.now);
    const [syn] = lone.exchange();
    expect([syn![1], syn![8]]).toEqual([0xb8, 7]);
    connection.setOptions({ ttl: 9, tos: 0x20 });
    const acknowledgment = new DataView(syn!.buffer).getUint32(24) + 1;
    const ends = { source: '10.0.0.1', destination: '10.0.0.2', sourcePort: 9, destinationPort: 5 };
    const [ack] = lone.exchange(
      tcpPacket({ ...ends, acknowledgment, flags: 0x12, options: u32(0x020405b4) }),
    );
    expect([ack![1], ack![8]]).toEqual([0x20, 9]);
  });
});

/** Collects what leaves from now on, instead of the script. */
function watch(ladder: Ladder): TcpSegment[] {
  const segments: TcpSegment[] = [];
  ladder.ip.outlet = ({ view, start, end }) => {
    const segment = new TcpSegment();
    readTcp(view, start, end, segment);
    segments.push(segment);
  };
  return segments;
}

function address(text: string): IpAddress {
  return IpAddress.parse(text)!;
}
