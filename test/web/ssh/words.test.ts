import { describe, expect, it } from 'vitest';
import { clean } from '../../../web/ssh/clean.ts';
import { parseJump } from '../../../web/ssh/jump.ts';
import { sshErrorOf } from '../../../web/ssh/ssh-error.ts';
import { cleanPaste } from '../../../web/ssh/terminal/paste.ts';

describe('what is pasted', () => {
  it('has the line ends of the Enter key, and tells how many lines it is', () => {
    expect(cleanPaste('ls')).toEqual({ text: 'ls', lines: 1 });
    expect(cleanPaste('a\nb\r\nc\rd')).toEqual({ text: 'a\rb\rc\rd', lines: 4 });
    expect(cleanPaste('ls\n'), 'it would run').toEqual({ text: 'ls\r', lines: 2 });
  });

  it('brings no control characters along, the end of a bracketed paste neither', () => {
    expect(cleanPaste('ls\x1b[201~\rrm -rf ~\r').text).toBe('ls[201~\rrm -rf ~\r');
    expect(cleanPaste('a\u0000b\u0003c\u0008d\u007fe\u009b31mf\tg').text).toBe('abcde31mf\tg');
    expect(cleanPaste('grüße 😀').text).toBe('grüße 😀');
  });
});

describe("a server's words", () => {
  it('are one line of visible text in one direction, and not a book', () => {
    expect(clean(' a\r\nb\x1b]0;c\x07 ')).toBe('a b ]0;c');
    expect(clean('exe\u202egpj.\u200b\u2066x')).toBe('exe gpj. x');
    expect(clean('x'.repeat(10_000))).toHaveLength(400);
    expect(clean('Passwort für 😀:')).toBe('Passwort für 😀:');
  });
});

describe('a jump host', () => {
  it.each([
    ['10.0.0.1', { username: 'me', host: '10.0.0.1', port: 22 }],
    ['root@gate:2222', { username: 'root', host: 'gate', port: 2222 }],
    ['a@[fd00::1]:22', { username: 'a', host: 'fd00::1', port: 22 }],
    [' gate ', { username: 'me', host: 'gate', port: 22 }],
    ['', undefined],
  ])('%j is read', (text, jump) => expect(parseJump(text, 'me')).toEqual(jump));

  it.each(['a b', 'host:', 'host:0', 'host:65536', '@host', 'a,b', 'fd00::1'])('%j is not', (text) =>
    expect(() => parseJump(text, 'me')).toThrow('must look like user@host'),
  );
});

describe('why SSH did not work', () => {
  const where = 'build:22';
  const told = (message: string, more: object) =>
    sshErrorOf(Object.assign(new Error(message), more), where).message;

  it('is one sentence with the place in it', () => {
    expect(told('All configured authentication methods failed', { level: 'client-authentication' })).toBe(
      'build:22 did not let us in: check the user name, the password or the key.',
    );
    expect(told('Handshake failed: no matching host key format', { level: 'handshake' })).toBe(
      'build:22 and this page have no algorithm in common (no matching host key format): update its SSH server.',
    );
    expect(told('Connection lost before handshake', { level: 'protocol' })).toContain('does not speak SSH');
    expect(told('Keepalive timeout', { level: 'client-timeout' })).toContain('does not answer any more');
    expect(told('Too many\x1b[2J failures', { code: 2 })).toBe(
      'build:22 ended the connection (Too many [2J failures).',
    );
  });

  it('is what the tunnel said, where that knows it', () => {
    const error = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', level: 'client-socket' });
    expect(sshErrorOf(error, where)).toBe(error);
  });
});
