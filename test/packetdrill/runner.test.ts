import { describe, expect, it } from 'vitest';
import { runScript } from './runner.ts';

/** A connection that the peer opened, up to line 6. */
const ACCEPTED = `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 65535 <mss 1000,nop,nop,TS val 7 ecr 0>
+0 > S. 0:0(0) ack 1 win 65535 <mss 1460,nop,nop,TS val 100 ecr 7>
+.1 < . 1:1(0) ack 1 win 65535 <nop,nop,TS val 8 ecr 100>
+0 accept(3, ..., ...) = 4
`;
/** The same without timestamps. */
const PLAIN = ACCEPTED.replaceAll(/,nop,nop,TS[^>]*|<nop,nop,TS[^>]*>/g, '');

function failure(source: string, isStrictAtEnd = false) {
  const result = runScript(source, { isStrictAtEnd });
  if (result.verdict !== 'fail') throw new Error(`it is ${JSON.stringify(result)}`);
  return result;
}

describe('a script that must fail', () => {
  // The line, what is in "expected", what is in "got", and the script's last lines.
  it.each<[string, number, string, string, string]>([
    ['a packet that never leaves', 8, '> . 1:1(0) ack 1 at 0.100000 s', 'nothing', '+0 > . 1:1(0) ack 1'],
    [
      'a wrong length',
      9,
      '> P. 1:100(99) ack 1 at',
      'P. 1:101(100) ack 1 win 65535 (the length)',
      '+0 write(4, ..., 100) = 100\n+0 > P. 1:100(99) ack 1',
    ],
    [
      'a wrong sequence number',
      9,
      '2:102(100)',
      '1:101(100) ack 1 win 65535 (the sequence number)',
      '+0 write(4, ..., 100) = 100\n+0 > P. 2:102(100) ack 1',
    ],
    [
      'a wrong acknowledgment',
      9,
      'ack 2',
      '(the acknowledgment number)',
      '+0 write(4, ..., 100) = 100\n+0 > P. 1:101(100) ack 2',
    ],
    [
      'a wrong flag',
      9,
      '> F. 1:101(100)',
      '(flags)',
      '+0 write(4, ..., 100) = 100\n+0 > F. 1:101(100) ack 1',
    ],
    [
      'a wrong window',
      9,
      'win 5',
      'win 65535 (the window)',
      '+0 write(4, ..., 100) = 100\n+0 > P. 1:101(100) ack 1 win 5',
    ],
    [
      'an option that is not there',
      9,
      '<mss 1>',
      '(the options)',
      '+0 write(4, ..., 100) = 100\n+0 > P. 1:101(100) ack 1 <mss 1>',
    ],
    [
      'a packet that leaves too late',
      9,
      'at 0.105000 s',
      'P. 1:101(100) ack 1 win 65535 at 0.100000 s',
      '+0 write(4, ..., 100) = 100\n+.005 > P. 1:101(100) ack 1',
    ],
    [
      'a packet outside its range',
      9,
      'between 0.110000 s and 0.120000 s',
      'at 0.100000 s',
      '+0 write(4, ..., 100) = 100\n+.01~+.02 > P. 1:101(100) ack 1',
    ],
    [
      'an ECN field',
      9,
      '[ect0]',
      'ECN field: it is noecn',
      '+0 write(4, ..., 9) = 9\n+0 > [ect0] P. 1:10(9) ack 1',
    ],
    ['a result', 8, '= 99', '100', '+0 write(4, ..., 100) = 99'],
    [
      'an error that does not come',
      9,
      'EAGAIN',
      '100',
      '+0 fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n+0 write(4, ..., 100) = -1 EAGAIN (Try again)',
    ],
    [
      'another error',
      9,
      'EPIPE',
      '-1 EAGAIN',
      '+0 fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n+0 read(4, ..., 100) = -1 EPIPE (Broken pipe)',
    ],
    ['a call that blocks', 8, 'read(4, ..., 100) = 0', 'a call that blocks', '+0 read(4, ..., 100) = 0'],
    [
      'a blocking call that returns too early',
      8,
      'to return at 0.700000 s',
      '0.200000 s',
      '+0...0.6 read(4, ..., 100) = 100\n+.1 < P. 1:101(100) ack 1 win 65535\n+0 > . 1:1(0) ack 101',
    ],
    [
      'a blocking call that never returns',
      8,
      'to return',
      'still blocks',
      '+0...0.2 read(4, ..., 100) = 100',
    ],
    [
      'an assertion',
      8,
      'the assertion to hold',
      'tcpi_snd_cwnd == 11 is false: 10',
      '+0 %{ assert tcpi_snd_cwnd == 11, tcpi_snd_cwnd }%',
    ],
    [
      "a socket option's value",
      8,
      'TCP_NODELAY 1',
      '0',
      '+0 getsockopt(4, SOL_TCP, TCP_NODELAY, [1], [4]) = 0',
    ],
    [
      'poll',
      8,
      'revents=POLLIN',
      'POLLOUT',
      '+0 poll([{fd=4, events=POLLIN|POLLOUT, revents=POLLIN}], 1, 0) = 1',
    ],
    ['a descriptor that is not open', 8, 'descriptor 9 to be open', 'none', '+0 read(9, ..., 1) = 1'],
    [
      'an event that is over before it begins',
      8,
      'the event at 0.050000 s',
      '0.100000 s',
      '0.05 close(4) = 0',
    ],
  ])('because of %s', (_, line, expected, got, rest) => {
    const result = failure(`${PLAIN}${rest}\n`);
    expect(result.line).toBe(line);
    expect(result.expected).toContain(expected);
    expect(result.got).toContain(got);
  });

  it('because the echoed timestamp is another, and our own where the script knows its tick', () => {
    const lines = `${ACCEPTED}+.5 write(4, ..., 9) = 9\n+0 > P. 1:10(9) ack 1 <nop,nop,TS val 999 ecr`;
    expect(runScript(`${lines} 8>\n`).verdict).toBe('pass');
    expect(failure(`${lines} 9>\n`).got).toContain('(the echoed timestamp)');
    const known = `--tcp_ts_tick_usecs=1000\n${lines}`;
    expect(failure(`${known} 8>\n`).got).toContain('TS val 700 ecr 8> (the timestamp)');
    expect(runScript(`${known.replace('999', '700')} 8>\n`).verdict).toBe('pass');
  });

  it('because something leaves that nobody asked for, if that matters', () => {
    const source = `${PLAIN}+0 write(4, ..., 100) = 100\n`;
    expect(runScript(source).verdict).toBe('pass');
    expect(failure(source, true)).toMatchObject({
      line: 8,
      expected: 'nothing more to leave',
      got: 'P. 1:101(100) ack 1 win 65535 at 0.100000 s',
    });
  });

  it('because segments are cut otherwise, and PSH is elsewhere, if that matters', () => {
    const source = `${PLAIN}+0 write(4, ..., 2000) = 2000\n+0 > . 1:2001(2000) ack 1\n`;
    expect(runScript(source).verdict).toBe('pass');
    expect(failure(`--strict_segments\n${source}`).got).toContain('1:1001(1000)');
    const cut = source.replace('> . 1:2001(2000) ack 1', '> P. 1:1001(1000) ack 1');
    expect(failure(`--strict_segments\n${cut}`).got).toContain('. 1:1001(1000) ack 1 win 65535 (flags)');
  });

  it('because it is no script', () => {
    expect(failure('0 socket(..., SOCK_STREAM) = \n')).toMatchObject({ line: 2, expected: 'a value' });
    expect(failure('\n\n+0 > X. 1:1(0)')).toMatchObject({ line: 3, expected: 'TCP flags' });
    expect(failure('+0 > . 1:3(1)').expected).toBe('a length of 2');
    expect(failure('+0 `ls')).toMatchObject({ line: 1, expected: 'a closing `' });
    expect(failure('')).toMatchObject({ expected: 'an event' });
  });
});

describe('a script that asks for more than there is', () => {
  it.each([
    ['a command', '`nstat -n`\n+0 socket(..., SOCK_STREAM, 0) = 3', 'command `nstat -n`'],
    [
      'a system setting',
      '`sysctl -q net.ipv4.tcp_congestion_control=bbr`\n+0 socket(..., SOCK_STREAM, 0) = 3',
      'sysctl net.ipv4.tcp_congestion_control=bbr',
    ],
    ['a system call', '+0 splice(3, 4) = 0', 'system call splice'],
    ['an object that has the name of a method', '+0 toString() = 0', 'system call toString'],
    ['a socket of another kind', '+0 socket(..., SOCK_RAW, 0) = 3', 'constant SOCK_RAW'],
    ['a socket option', `${PLAIN}+0 setsockopt(4, SOL_TCP, TCP_REPAIR, [1], 4) = 0`, 'setsockopt TCP_REPAIR'],
    ['code', `${PLAIN}+0 %{ import os }%`, 'Python beyond assertions: import os'],
    ['a name', `${PLAIN}+0 %{ assert tcpi_nonsense == 1 }%`, '"tcpi_nonsense" in code'],
    ['an encapsulation', '+0 < gre: ipv4 1.1.1.1 > 2.2.2.2: . 1:1(0)', 'a packet within gre'],
    ['an option of packetdrill', '--wire_client\n+0 socket(..., SOCK_STREAM, 0) = 3', 'option --wire_client'],
  ])('is skipped, for %s', (_, source, reason) => {
    expect(runScript(source)).toEqual({ verdict: 'skip', reason });
  });
});
