import { describe, expect, it } from 'vitest';
import { addSection, readField, removeSection, sectionsOf, writeField } from '../../web/config-fields.ts';

const text = `# mine
[Interface]
PrivateKey = abc= # work
address = 10.0.0.2/32
Address = fd00::2/128

[ Peer ]
PublicKey = one
# a note
AllowedIPs = 10.0.0.0/24

[Peer]
PublicKey = two
`;
const [own, first, second] = sectionsOf(text) as [
  ReturnType<typeof sectionsOf>[0],
  ReturnType<typeof sectionsOf>[0],
  ReturnType<typeof sectionsOf>[0],
];

describe('a configuration as fields', () => {
  it('has a section for each head', () => {
    expect(sectionsOf(text)).toEqual([
      { kind: 'interface', start: 1, end: 6 },
      { kind: 'peer', start: 6, end: 11 },
      { kind: 'peer', start: 11, end: 14 },
    ]);
    expect(sectionsOf('nothing')).toEqual([]);
  });

  it('reads a value without its comment, and repeated lines as one', () => {
    expect(readField(text, own, 'PrivateKey')).toBe('abc=');
    expect(readField(text, own, 'Address')).toBe('10.0.0.2/32, fd00::2/128');
    expect(readField(text, first, 'PublicKey')).toBe('one');
    expect(readField(text, second, 'AllowedIPs')).toBe('');
  });

  it('writes a value where it stood, and keeps comments and everything else', () => {
    const changed = writeField(text, own, 'PrivateKey', 'xyz=');
    expect(changed).toBe(text.replace('abc=', 'xyz='));
    const one = writeField(text, own, 'Address', '10.9.0.2/32');
    expect(one).toBe(text.replace('address = 10.0.0.2/32\nAddress = fd00::2/128', 'Address = 10.9.0.2/32'));
  });

  it('adds a line at the end of its section, and takes an emptied one away', () => {
    const added = writeField(text, first, 'Endpoint', 'a:1');
    expect(added).toBe(
      text.replace('AllowedIPs = 10.0.0.0/24\n', 'AllowedIPs = 10.0.0.0/24\nEndpoint = a:1\n'),
    );
    expect(writeField(added, sectionsOf(added)[1]!, 'Endpoint', ' ')).toBe(text);
    expect(writeField(text, own, 'DNS', '')).toBe(text);
  });

  it('cannot be made to write another line', () => {
    expect(writeField('[Peer]', sectionsOf('[Peer]')[0]!, 'Endpoint', 'a\n[Peer]\r#x')).toBe(
      '[Peer]\nEndpoint = a [Peer]  x',
    );
  });

  it('gains and loses peers', () => {
    expect(addSection('[Interface]\n\n\n', 'peer')).toBe('[Interface]\n\n[Peer]\n');
    expect(addSection('', 'interface')).toBe('[Interface]\n');
    expect(sectionsOf(removeSection(text, first)).map(({ kind }) => kind)).toEqual(['interface', 'peer']);
    expect(removeSection(text, first)).toContain('PublicKey = two');
  });
});
