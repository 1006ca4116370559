import { parseArgs } from 'node:util';
import { CELLS, type Cell } from './cells.ts';

export interface Plan {
  readonly cells: readonly Cell[];
  readonly seconds: number;
  readonly seedsOf: (cell: Cell) => readonly number[];
  readonly resume: boolean;
  /** Whether the whole table was asked for, which then replaces the committed one. */
  readonly isWhole: boolean;
  /** As it can be given again. */
  readonly command: string;
}

/** Where chance decides more than the link does, so many times more seeds. */
const CHANCY_SEEDS = 2;

/** Reads the command line; throws an Error with one sentence for the user. */
export function readArguments(args: readonly string[]): Plan {
  const { values } = parseArgs({
    args: [...args],
    options: {
      full: { type: 'boolean', default: false },
      cells: { type: 'string' },
      seconds: { type: 'string' },
      seeds: { type: 'string' },
      resume: { type: 'boolean', default: false },
    },
  });
  const wanted = values.cells?.split(';').map((text) => text.trim());
  const cells = CELLS.filter((cell) => !wanted || wanted.some((text) => cell.name.startsWith(text)));
  if (cells.length === 0)
    throw new Error(
      `No cell begins with "${values.cells}". There are:\n${CELLS.map(({ name }) => name).join('\n')}`,
    );
  const seconds = readNumber('--seconds', values.seconds ?? (values.full ? '60' : '15'));
  const seeds = readNumber('--seeds', values.seeds ?? (values.full ? '5' : '3'));
  return {
    cells,
    seconds,
    seedsOf: (cell) => Array.from({ length: cell.isChancy ? seeds * CHANCY_SEEDS : seeds }, (_, i) => i + 1),
    resume: values.resume,
    isWhole: cells.length === CELLS.length && seconds >= 15 && seeds >= 3,
    command: ['npm run bench:loss', ...(args.length > 0 ? ['--', ...args] : [])].join(' '),
  };
}

function readNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${name} wants a whole number, not "${text}".`);
  return value;
}
