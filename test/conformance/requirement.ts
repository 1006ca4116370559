export type Level = 'MUST' | 'MUST NOT' | 'SHOULD' | 'SHOULD NOT' | 'MAY';

/** One thing that an RFC demands, in our words, and where it is done and proved. */
export interface Requirement {
  /** The RFC's own number for it (`MUST-8`), where it has one. */
  id: string;
  section: string;
  level: Level;
  says: string;
  /** Files under src/core that do it. */
  by: string[];
  /** `FILE › NAME`, the file under test/; a packetdrill script is a FILE alone. */
  tests: string[];
  /** Done otherwise, or not at all, and why. */
  deviation?: string;
  /** There is no place where it could matter, and why. */
  absent?: string;
}

export interface RfcDocument {
  /** `RFC 9293`. */
  name: string;
  title: string;
  requirements: Requirement[];
}

/** `level` may be the RFC's own number (`MUST-8`, `SHLD-2`, `REC-1`, `MAY-3`). `by` separates files by spaces. */
export function met(
  level: string,
  section: string,
  says: string,
  by: string,
  ...tests: string[]
): Requirement {
  return { ...begin(level, section, says), by: by.split(' '), tests };
}

/** We do otherwise. What we do instead may be tested all the same. */
export function deviation(
  level: string,
  section: string,
  says: string,
  reason: string,
  by = '',
  ...tests: string[]
): Requirement {
  return { ...begin(level, section, says), by: by === '' ? [] : by.split(' '), tests, deviation: reason };
}

/** It is about something that does not exist here. */
export function absent(level: string, section: string, says: string, reason: string): Requirement {
  return { ...begin(level, section, says), by: [], tests: [], absent: reason };
}

function begin(
  level: string,
  section: string,
  says: string,
): Pick<Requirement, 'id' | 'section' | 'level' | 'says'> {
  const [word, number] = level.split('-');
  const id = number === undefined ? '' : level;
  return { id, section, level: levelOf(word!), says };
}

function levelOf(word: string): Level {
  if (word === 'SHLD' || word === 'REC') return 'SHOULD';
  if (['MUST', 'MUST NOT', 'SHOULD', 'SHOULD NOT', 'MAY'].includes(word)) return word as Level;
  throw new Error(`no level: ${word}`);
}
