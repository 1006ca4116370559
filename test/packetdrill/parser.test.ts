import { describe, expect, it } from 'vitest';
import { parseScript } from './parser.ts';
import { printSegment } from './print.ts';
import type { ScriptEvent } from './script.ts';

function only(source: string): ScriptEvent {
  const { events } = parseScript(source);
  expect(events).toHaveLength(1);
  return events[0]!;
}

describe('the language of scripts', () => {
  it.each([
    ['S 0:0(0) win 32792 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 8>'],
    ['S. 0:0(0) ack 1 win 0 <mss 536,nop,nop,sackOK,eol>'],
    ['. 1:1(0) ack 1001 <nop,nop,sack 2001:3001 4294967295:100>'],
    ['FP. 4294967295:9(10) ack 5 win 1 urg 3'],
    ['- 1:1(0)'],
    ['SEW 0:0(0) win 1 <FO 0123abcd>'],
    ['R 1:1(0)'],
    ['. 1:1(0) ack 1 <...>'],
  ])('reads and prints %s', (text) => {
    const { action } = only(`+0 < ${text}`);
    if (action.kind !== 'inbound' || action.packet.body.protocol !== 'tcp') throw new Error(action.kind);
    expect(printSegment(action.packet.body)).toBe(text);
  });

  it('reads times in all their forms, in microseconds', () => {
    const times: [string, object][] = [
      ['0.25', { kind: 'absolute', start: 250_000, end: undefined }],
      ['+.1', { kind: 'relative', start: 100_000, end: undefined }],
      ['+0', { kind: 'relative', start: 0, end: undefined }],
      ['*', { kind: 'any', start: 0, end: undefined }],
      ['1~1.5', { kind: 'absolute', start: 1_000_000, end: 1_500_000 }],
      ['+.3~+.4', { kind: 'relative', start: 300_000, end: 400_000 }],
    ];
    for (const [text, time] of times) expect(only(`${text} > . 1:1(0) ack 1`).time).toEqual(time);
    expect(() => parseScript('+1~+2 close(3) = 0')).toThrow('line 1: expected a single time');
    expect(() => parseScript('+2~+1 > . 1:1(0)')).toThrow('does not end before it begins');
  });

  it('reads a call that blocks, with its result', () => {
    const { action, time } = only(
      '+0...0.200 read(4, ..., 1000) = -1 ETIMEDOUT (Connection (really) timed out)',
    );
    expect(time.start).toBe(0);
    expect(action).toEqual({
      kind: 'call',
      call: {
        name: 'read',
        parameters: [{ kind: 'number', value: 4 }, { kind: 'ellipsis' }, { kind: 'number', value: 1000 }],
        result: { kind: 'number', value: -1 },
        error: 'ETIMEDOUT',
        end: 200_000,
      },
    });
  });

  it('reads structures, lists, strings, constants and what is applied to a value', () => {
    const source = `+0 f([{fd=4, events=POLLIN|POLLOUT}], {msg_name(...)=..., msg_iov(1)=[{..., 40}]},
        {sa_family = AF_INET, sin_port = htons(80), sin_addr = inet_addr("10.0.0.1")}, 0x10, "a\\n" "b"...) = 0x2 (flags O_RDWR)`;
    const { action } = only(source);
    if (action.kind !== 'call') throw new Error(action.kind);
    const [list, message, address, hex, text] = action.call.parameters;
    expect(list).toMatchObject({
      kind: 'list',
      items: [{ kind: 'struct', entries: [{ name: 'fd' }, { name: 'events', value: { kind: 'or' } }] }],
    });
    expect(message).toMatchObject({
      entries: [{ name: 'msg_name', value: { kind: 'ellipsis' } }, { name: 'msg_iov' }],
    });
    expect(address).toMatchObject({
      entries: [{}, { value: { kind: 'apply', name: 'htons' } }, { name: 'sin_addr' }],
    });
    expect(hex).toEqual({ kind: 'number', value: 16 });
    expect(text).toEqual({ kind: 'string', text: 'a\nb' });
  });

  it('reads notes on the IP header, ports, ICMP and UDP', () => {
    const packets: [string, object][] = [
      ['< [ect0] . 1:1(0) ack 1 win 1', { ip: { ecn: 'ect0' } }],
      ['> (tos 0x10) . 1:1(0) ack 1', { ip: { tos: 16 } }],
      ['> [ttl 64] . 1:1(0) ack 1', { ip: { ttl: 64 } }],
      ['< 5000 > 80 S 0:0(0) win 1', { ports: { source: 5000, destination: 80 } }],
      ['< udp (100)', { body: { protocol: 'udp', length: 100 } }],
      [
        '< icmp unreachable frag_needed mtu 1200 [1:1461(1460)]',
        {
          body: {
            type: 'unreachable',
            code: 'frag_needed',
            mtu: 1200,
            quoted: { sequence: 1, length: 1460 },
          },
        },
      ],
      ['< icmp unreachable port_unreachable [udp (8)]', { body: { quoted: { protocol: 'udp', length: 8 } } }],
    ];
    for (const [text, packet] of packets) expect(only(`+0 ${text}`).action).toMatchObject({ packet });
  });

  it('leaves comments out, keeps lines, and joins an event that goes over several', () => {
    const { events, options, setUp } = parseScript(
      '--mss=1000\n// a comment\n`./defaults.sh\n sysctl -q a.b=1`\n/* two\nlines */\n+0 close(3)\n   = 0\n+0 %{ assert 1 == 1 }%\n`restore`\n',
    );
    expect(options).toEqual([{ line: 1, name: 'mss', value: '1000' }]);
    expect(setUp).toMatchObject({ line: 3, text: './defaults.sh\n sysctl -q a.b=1' });
    expect(events.map(({ line, text }) => [line, text])).toEqual([
      [7, '+0 close(3) = 0'],
      [9, '+0 %{ assert 1 == 1 }%'],
    ]);
  });

  it('puts in what --define defines', () => {
    const { events } = parseScript('--define=SIZE=100 --define=DO="text"\n+0 f(SIZE, DO) = SIZE\n');
    expect(events[0]!.action).toMatchObject({
      call: { parameters: [{ value: 100 }, { text: 'text' }], result: { value: 100 } },
    });
  });
});
