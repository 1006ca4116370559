import type { Deviation } from './deviations.ts';
import type { Result } from './runner.ts';

/** One line for what passed or was skipped; where, expected and got for what failed. */
export function printResult(name: string, result: Result, deviation?: Deviation): string {
  switch (result.verdict) {
    case 'pass':
      return `pass  ${name}`;
    case 'skip':
      return `skip  ${name}: ${result.reason}`;
    case 'fail': {
      const verdict = deviation ? 'known' : 'fail ';
      const why = deviation ? `\n        ${deviation.id}: ${deviation.reason}` : '';
      return `${verdict} ${name}:${result.line}\n        expected ${result.expected}\n        got      ${result.got}${why}`;
    }
  }
}
