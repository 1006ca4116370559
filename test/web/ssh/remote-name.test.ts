import { describe, expect, it } from 'vitest';
import { isEntryName, safeFileName, shownName } from '../../../web/ssh/remote-name.ts';

describe("a file's name as it is shown", () => {
  it.each([
    ['notes.txt', 'notes.txt'],
    ['größe 文件 😀.md', 'größe 文件 😀.md'],
    ['two\nlines\r', 'two␊lines␍'],
    ['\x1b[2J\x1b]0;title\x07', '␛[2J␛]0;title␇'],
    ['\x7f\x9b31m', '⟨007F⟩⟨009B⟩31m'],
    ['photo\u202egpj.exe', 'photo⟨202E⟩gpj.exe'],
    ['a\u2066b\u2069\u200e\ufeff\u00ad\u2028', 'a⟨2066⟩b⟨2069⟩⟨200E⟩⟨FEFF⟩⟨00AD⟩⟨2028⟩'],
    ['pass\u200dwd', 'pass⟨200D⟩wd'],
    ['\u{e0041}x', '⟨E0041⟩x'],
    ['half \ud83d', 'half ⟨D83D⟩'],
    ['../../etc', '../../etc'],
    ['<img src=x>', '<img src=x>'],
  ])('%j is %j', (name, shown) => expect(shownName(name)).toBe(shown));

  it('keeps what joins letters and signs', () => {
    for (const name of ['👨\u200d👩\u200d👧', 'می\u200cخواهم']) expect(shownName(name)).toBe(name);
  });

  it('has an end', () => {
    expect(shownName('x'.repeat(255))).toHaveLength(255);
    expect(shownName('x'.repeat(30_000))).toHaveLength(256);
  });
});

describe('an entry of a folder', () => {
  it('has a name, which is no path', () => {
    for (const name of ['', '.', '..', '/', '../up', 'a/b', '/etc/passwd', 'a\0b'])
      expect(isEntryName(name), name).toBe(false);
    for (const name of ['a', '...', '..a', 'a\nb', '~', '-rf', 'a\\b']) expect(isEntryName(name)).toBe(true);
  });
});

describe('under which a download is saved', () => {
  it.each([
    ['notes.txt', 'notes.txt'],
    ['größe 文件 😀.md', 'größe 文件 😀.md'],
    ['../../.ssh/authorized_keys', 'authorized_keys'],
    ['..\\..\\start up\\x.bat', 'x.bat'],
    ['.bashrc', '_bashrc'],
    ['...', '___'],
    ['photo\u202egpj.exe', 'photogpj.exe'],
    ['a\nb\x1b[2J', 'ab[2J'],
    ['a<b>:"c"|?*', 'a_b___c____'],
    ['trailing. . ', 'trailing'],
    ['CON', '_CON'],
    ['nul.txt', '_nul.txt'],
    ['console.txt', 'console.txt'],
    ['\u202e\u200b', 'file'],
    ['', 'file'],
  ])('%j is %j', (name, safe) => expect(safeFileName(name)).toBe(safe));

  it('is short enough for every file system, and keeps its ending', () => {
    const bytes = (name: string) => new TextEncoder().encode(name).length;
    expect(safeFileName(`${'x'.repeat(251)}.zip`)).toBe(`${'x'.repeat(196)}.zip`);
    const long = safeFileName(`${'文'.repeat(80)}😀${'文'.repeat(30_000)}.tar`);
    expect(long).toMatch(/^文+😀?文*\.tar$/u);
    expect(bytes(long)).toBeLessThanOrEqual(200);
    expect(bytes(safeFileName(`a.${'y'.repeat(255)}`))).toBe(200);
  });
});
