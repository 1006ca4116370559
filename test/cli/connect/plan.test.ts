import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Login } from '../../../src/cli/connect/login.ts';
import { planOf } from '../../../src/cli/connect/plan.ts';

const folder = mkdtempSync(join(tmpdir(), 'tabwire-plan-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(text: string): string {
  const path = join(folder, 'login');
  writeFileSync(path, text);
  return path;
}

describe('what tabwire connect is asked for', () => {
  it.each([
    [[], {}, /name the configuration/],
    [['a.conf', 'b'], { local: ['1:a:2'] }, /"b" is one argument too many/],
    [['a.conf'], {}, /say what for/],
    [['a.conf'], { stdio: 'a:1', local: ['1:a:2'] }, /-W stands alone/],
    [['a.conf'], { local: ['nonsense'] }, /^-L "nonsense": expected/],
    [['a.conf'], { remote: ['nonsense'] }, /^-R "nonsense": expected/],
    [['a.conf'], { socks5: ['0.0.0.0:1080'] }, /whoever reaches this address could use the tunnel/],
    [['a.conf'], { 'http-proxy': ['[::]:3128'] }, /whoever reaches this address could use the tunnel/],
    [['a.conf'], { socks5: ['example.com:1080'] }, /whoever reaches this address could use the tunnel/],
    [
      ['a.conf'],
      { socks5: ['127.0.0.1:1080'], login: '/nowhere/at/all' },
      /cannot read .*: there is no such file \(ENOENT\)/,
    ],
  ])('%j %j is refused in one sentence', (positionals, flags, sentence) => {
    expect(() => planOf(positionals, flags)).toThrow(sentence);
  });

  it('a proxy with a login may listen anywhere', () => {
    const plan = planOf(['a.conf'], { socks5: ['0.0.0.0:1080'], login: file('alice:secret\n') });
    expect(plan.socks5).toEqual([{ host: '0.0.0.0', port: 1080 }]);
    expect(plan.login!.admits('alice', 'secret')).toBe(true);
  });

  it.each(['', 'alice', 'alice:', ':secret', 'a:b\nc:d\n', `a:${'x'.repeat(256)}`])(
    'a login file with %j is refused, and nothing of it is shown',
    (text) => {
      expect(() => Login.read(file(text))).toThrow(/must hold one line, USER:PASSWORD/);
      expect(() => Login.read(file('hunter2'))).toThrow(expect.not.stringContaining('hunter2'));
    },
  );

  it('a login admits its user and nobody else', () => {
    const login = new Login('alice', 'pass:word');
    const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
    expect(login.admitsBasic(basic('alice:pass:word'))).toBe(true);
    for (const header of [
      undefined,
      '',
      'Basic',
      'Bearer x',
      basic('alice'),
      basic('alice:pass'),
      basic('bob:pass:word'),
    ])
      expect(login.admitsBasic(header)).toBe(false);
    // The two parts are not one text.
    expect(login.admits('alice:pass', 'word')).toBe(false);
  });
});
