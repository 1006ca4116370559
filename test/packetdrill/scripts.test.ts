import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runPlaced } from './placement.ts';

const STRICT = { isStrictAtEnd: true };
const FOLDER = join(import.meta.dirname, 'scripts');
const scripts = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.pkt'))
  .sort();

/**
 * Where the two sequence spaces begin: a little before the ends of the signed and the unsigned numbers. Over IPv6 TCP
 * decides the same.
 */
const PLACEMENTS = [
  { localIsn: -1500, remoteBase: 0x7fff_ffff - 5 },
  { localIsn: 0x7fff_ffff - 5, remoteBase: -1200, version: 6 as const },
];

describe('packetdrill scripts of ours', () => {
  it.each(scripts)('%s', (name) => {
    const source = readFileSync(join(FOLDER, name), 'utf8');
    expect(runPlaced(source, PLACEMENTS, STRICT)).toEqual({ verdict: 'pass' });
  });

  it('are at least 120, and each says in its first line what it proves', () => {
    expect(scripts.length).toBeGreaterThanOrEqual(120);
    for (const name of scripts) expect(readFileSync(join(FOLDER, name), 'utf8')).toMatch(/^\/\/ RFC \d+/);
  });
});
