import { expect, it } from 'vitest';
import { readArguments } from './plan.ts';

const KNOWN = ['aead', 'hash'];

it('runs everything everywhere, or what it is told', () => {
  expect(readArguments([], KNOWN)).toMatchObject({
    suites: KNOWN,
    hosts: ['chromium', 'firefox', 'node'],
    isWhole: true,
    isQuick: false,
    command: 'npm run bench',
  });
  expect(readArguments(['aead', '--browser', 'firefox', '--quick'], KNOWN)).toMatchObject({
    suites: ['aead'],
    hosts: ['firefox'],
    isWhole: false,
    isQuick: true,
    command: 'npm run bench -- aead --browser firefox --quick',
  });
});

it('says in one sentence what it does not know', () => {
  expect(() => readArguments(['aed'], KNOWN)).toThrow('no suite "aed"; there are: aead, hash');
  expect(() => readArguments(['--browser', 'lynx'], KNOWN)).toThrow('not "lynx"');
  expect(() => readArguments(['--baseline', '--quick'], KNOWN)).toThrow('a baseline is measured in full');
});
