import { describe, expect, it } from 'vitest';
import {
  canonicalName,
  encodeName,
  isInDomain,
  parentName,
  readName,
} from '../../../src/core/wire/dns-name.ts';
import { ascii, characterString, dnsName } from '../../support/dns-messages.ts';
import { concat } from '../../support/packets.ts';

const label = (length: number) => 'x'.repeat(length);
const header = new Uint8Array(12);

/** The name at the end of a message whose parts are given; offsets count from the message's start. */
function read(...parts: Uint8Array[]) {
  const before = concat(header, ...parts.slice(0, -1));
  return readName(concat(before, parts.at(-1)!), before.length);
}

function pointer(to: number): Uint8Array {
  return Uint8Array.of(0xc0 | (to >> 8), to & 255);
}

describe('a domain name as text', () => {
  it('becomes labels, with or without the last dot', () => {
    const bytes = Uint8Array.of(3, 119, 119, 119, 7, 101, 120, 97, 109, 112, 108, 101, 0);
    expect(encodeName('www.example')).toEqual(bytes);
    expect(encodeName('www.example.')).toEqual(bytes);
    expect(encodeName('.')).toEqual(Uint8Array.of(0));
  });

  it('keeps case, digits, hyphens and underscores', () => {
    expect(encodeName('_sip._tcp.Example-1')).toEqual(dnsName('_sip._tcp.Example-1'));
  });

  it('may hold any byte behind a backslash', () => {
    expect(encodeName('john\\.doe.a\\032b\\255\\\\')).toEqual(
      concat(characterString('john.doe'), characterString('a b\xff\\'), Uint8Array.of(0)),
    );
  });

  for (const text of ['', '..', '.a', 'a..b', 'a..'])
    it(`may not be "${text}"`, () => expect(encodeName(text)).toBe('empty label'));

  it('has labels of at most 63 bytes', () => {
    expect(encodeName(`${label(63)}.a`)).toBeInstanceOf(Uint8Array);
    expect(encodeName(`${label(64)}.a`)).toBe('label longer than 63');
    expect(encodeName(label(64))).toBe('label longer than 63');
  });

  it('has at most 253 characters', () => {
    const longest = [63, 63, 63, 61].map(label).join('.');
    expect(longest).toHaveLength(253);
    expect(encodeName(longest)).toHaveLength(255);
    expect(encodeName(`${longest}.`)).toHaveLength(255);
    expect(encodeName([63, 63, 63, 62].map(label).join('.'))).toBe('name longer than 253');
  });

  for (const text of ['a b', 'a\tb', 'ä.example', 'a\\', 'a\\256', 'a\\ b', 'a\0'])
    it(`may not be ${JSON.stringify(text)}`, () => expect(encodeName(text)).toBe('bad character'));

  it('is equal to another whatever the case of its ASCII letters', () => {
    const canonical = (text: string) => canonicalName(encodeName(text) as Uint8Array);
    expect(canonical('WWW.Example.')).toBe('www.example');
    expect(canonical('\\119ww.\\069xample')).toBe('www.example');
    expect(canonical('a\\.b')).not.toBe(canonical('a.b'));
    expect(canonical('\\200')).toBe('\\200');
    expect(canonical('.')).toBe('.');
  });

  it('lies below its parents, up to the root', () => {
    expect(parentName('a\\.b.c')).toBe('c');
    expect(parentName('c')).toBe('.');
    expect(parentName('.')).toBeUndefined();
    expect(isInDomain('a.b.c', 'b.c')).toBe(true);
    expect(isInDomain('b.c', 'b.c')).toBe(true);
    expect(isInDomain('b.c', '.')).toBe(true);
    expect(isInDomain('ab.c', 'b.c')).toBe(false);
    expect(isInDomain('a\\.b.c', 'b.c')).toBe(false);
  });
});

describe('a domain name in a message', () => {
  it('is read to its end', () => {
    expect(read(dnsName('www.Example'))).toEqual({ text: 'www.Example', end: 25 });
    expect(read(Uint8Array.of(0))).toEqual({ text: '.', end: 13 });
  });

  it('goes on where a pointer leads', () => {
    expect(read(dnsName('b.c'), concat(characterString('a'), pointer(12)))).toEqual({
      text: 'a.b.c',
      end: 21,
    });
    expect(read(dnsName('b.c'), pointer(14))).toEqual({ text: 'c', end: 19 });
  });

  it('has what could be mistaken escaped, and is the same when written again', () => {
    const odd = concat(
      characterString('a.b "\\(c);@$\x00\x7f\xff'),
      characterString('+/~'),
      Uint8Array.of(0),
    );
    const { text } = read(odd)!;
    expect(text).toBe('a\\.b\\032\\"\\\\\\(c\\)\\;\\@\\$\\000\\127\\255.+/~');
    expect(encodeName(text)).toEqual(odd);
  });

  it('may have 255 bytes and no more, also by pointers', () => {
    const long = dnsName([63, 63, 63, 61].map(label).join('.'));
    expect(read(long)!.text).toHaveLength(253);
    expect(read(dnsName([63, 63, 63, 62].map(label).join('.')))).toBeUndefined();
    expect(read(long, concat(characterString('a'), pointer(12)))).toBeUndefined();
  });

  it('may not point at itself, ahead, or into the header', () => {
    expect(read(pointer(12))).toBeUndefined();
    expect(read(pointer(14), dnsName('a'))).toBeTruthy();
    expect(readName(concat(header, pointer(14), dnsName('a')), 12)).toBeUndefined();
    expect(read(dnsName('a'), pointer(4))).toBeUndefined();
  });

  it('may not go round in circles', () => {
    // "a", then back to "a"; and two pointers at each other.
    expect(read(concat(characterString('a'), pointer(12)))).toBeUndefined();
    expect(readName(concat(header, pointer(14), pointer(12)), 14)).toBeUndefined();
  });

  it('may not have more pointers than a name can have labels', () => {
    const chain = (pointers: number) => {
      const hops = Array.from({ length: pointers }, (_, i) => pointer(i === 0 ? 12 : 15 + 2 * (i - 1)));
      return read(dnsName('a'), ...hops);
    };
    expect(chain(127)).toMatchObject({ text: 'a' });
    expect(chain(128)).toBeUndefined();
  });

  it('may not have a label of 64, of another kind, or beyond the message', () => {
    expect(read(concat(Uint8Array.of(64), ascii(label(64)), Uint8Array.of(0)))).toBeUndefined();
    expect(read(Uint8Array.of(0x81, 0, 0))).toBeUndefined();
    expect(read(Uint8Array.of(3, 97, 97))).toBeUndefined();
    expect(read(Uint8Array.of(1, 97))).toBeUndefined();
    expect(read(Uint8Array.of(0xc0))).toBeUndefined();
    expect(readName(header, 12)).toBeUndefined();
  });
});
