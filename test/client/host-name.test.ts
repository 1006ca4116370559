import { expect, it } from 'vitest';
import { asciiHost } from '../../src/client/host-name.ts';

it('a host that is not ASCII is given to the engine as DNS knows it', () => {
  expect(asciiHost('bücher.example')).toBe('xn--bcher-kva.example');
  expect(asciiHost('BÜCHER.Example.')).toBe('xn--bcher-kva.example.');
  expect(asciiHost('_sip._tcp.bücher.example')).toBe('_sip._tcp.xn--bcher-kva.example');
  expect(asciiHost('例え。テスト')).toBe('xn--r8jz45g.xn--zckzah');
});

it('all else is given to the engine as it is', () => {
  const texts = ['db', 'Web.Example', '10.0.0.1', 'fd00::1', '_a-b.example', 'john\\.doe.example', '', 'a b'];
  for (const text of texts) expect(asciiHost(text)).toBe(text);
  for (const text of ['http://bücher.example', 'ü:80', 'ü@b', 'ü/b', 'ü b', 'ü%41'])
    expect(asciiHost(text)).toBe(text);
  expect(asciiHost(10)).toBe('10');
});
