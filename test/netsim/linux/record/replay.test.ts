// Conversations with Linux, again, without it: `npm run test:linux -- --record` has written them down. What our stack sends must
// be the same to the byte; after a change that is meant to change it, they are recorded anew.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { replay } from './replay.ts';
import { SCENARIOS } from './scenarios.ts';
import { parseEvent, printEvent } from './trace.ts';

const TRACES = join(import.meta.dirname, 'traces');
const files = readdirSync(TRACES).sort();
const read = (file: string) => readFileSync(join(TRACES, file), 'utf8');

describe('a conversation with Linux', () => {
  it.each(files.map((file) => [file.replace(/\.txt$/, ''), file]))('%s goes as it went', (_, file) => {
    expect(replay(read(file)).packets).toBeGreaterThan(0);
  });
});

describe('the traces', () => {
  it('are all that there are scenarios for, and small', () => {
    expect(files).toEqual(SCENARIOS.map(({ name }) => `${name}.txt`).sort());
    expect(files.length).toBeGreaterThanOrEqual(50);
    const bytes = files.reduce((sum, file) => sum + statSync(join(TRACES, file)).size, 0);
    expect(bytes).toBeLessThan(1_500_000);
  });

  it('are read as they were written', () => {
    for (const line of read(files[0]!).trimEnd().split('\n').slice(1))
      expect(printEvent(parseEvent(line))).toBe(line);
  });

  it('name the packet that differs', () => {
    const lines = read('echo-ipv4.txt').split('\n');
    const at = lines.findIndex((line) => line.startsWith('>'));
    const other = [...lines];
    other[at] = lines[at]!.replace('>R', '>S');
    expect(() => replay(other.join('\n'))).toThrow(
      /^echo-ipv4, packet 1, at .*\n {2}expected .*\n {2}got {6}S seq/,
    );
    expect(() => replay(lines.filter((_, i) => i !== at).join('\n'))).toThrow(/got {6}S seq/);
    const call = lines.findIndex((line) => line.startsWith('!read'));
    other[at] = lines[at]!;
    other[call] = lines[call]!.replace(/= \d+/, '= 1');
    expect(() => replay(other.join('\n'))).toThrow(/expected !read 2/);
  });
});
