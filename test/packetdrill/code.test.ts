import { describe, expect, it } from 'vitest';
import { runCode, type Value } from './code.ts';

function run(text: string): Record<string, Value> {
  const variables = new Map<string, Value>();
  runCode(text, (name) => (name === 'tcpi_x' ? 10 : 0), variables);
  return Object.fromEntries(variables);
}

describe('the code in scripts', () => {
  it.each([
    ['a = 1 + 2 * 3', 7],
    ['a = (1 + 2) * 3 - -1', 10],
    ['a = 7 // 2 + 7 % 4', 6],
    ['a = 0x10 | 1 << 1', 18],
    ['a = ~0 & 0xff', 255],
    ['a = 0xffffffff & 0x80000000', 0x80000000],
    ['a = 2 ** 10 / 4', 256],
    ['a = 1 < 2 <= 2 != 3', true],
    ['a = 1 if tcpi_x > 9 else 2', 1],
    ['a = not (1 == 2 or 3 == 4) and True', true],
    ['a = max(1, tcpi_x, 3) + min(4, 5) + abs(-6)', 20],
    ['a = 1; a += 5; a -= 2', 4],
    ['a = "x" == \'x\'', true],
    ['a = 1 # a comment; a = 2', 1],
    ['a = (1 +\n 2)', 3],
    ['a = 1 + \\\n 2', 3],
  ])('%j', (text, value) => {
    expect(run(text).a).toBe(value);
  });

  it('asserts', () => {
    expect(() => run("assert tcpi_x == 10, 'x=%d' % tcpi_x")).not.toThrow();
    expect(() => run('print(1)\nassert (tcpi_x & 3) == 0, tcpi_x')).toThrow(
      '( tcpi_x & 3 ) == 0 is false: 10',
    );
    expect(() => run('assert 5 <= tcpi_x <= 9')).toThrow('5 <= tcpi_x <= 9 is false');
  });

  it.each(['import os', 'for i in range(3): pass', 'a = [1]', 'f(1)', 'a = len("x")', 'a = 1 2', 'a = $'])(
    'leaves %j to Python',
    (text) => {
      expect(() => run(text)).toThrow('Python beyond assertions');
    },
  );
});
