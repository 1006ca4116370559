// What is asked of us, and whether a result has it.
import { advantage, kindOf, type Line, printNumber, type SuiteResult, US } from './report.ts';
import { medianOf } from './spread.ts';

/** Of the machine for which absolute targets are given: MB/s of the yardstick (see Baseline). */
const REFERENCE_YARDSTICK = 1014;

/** At least `factor` times as good as `peer`; or at least (at most, where less is better) `value` in the line's unit. */
export type Target = {
  readonly host: string;
  readonly line: string;
} & ({ readonly peer: string; readonly factor: number } | { readonly value: number });

export interface Verdict {
  readonly sentence: string;
  readonly isMet: boolean;
}

/** One for each target whose line was measured. */
export function judge(result: SuiteResult, targets: readonly Target[], yardstick: number): Verdict[] {
  return targets.flatMap((target) => {
    const line = result.lines.find((each) => each.name === target.line && kindOf(each) === target.host);
    if (!line?.values[US]) return [];
    if ('peer' in target)
      return line.values[target.peer] ? [againstPeer(line, target.peer, target.factor)] : [];
    return [againstValue(line, target.value, yardstick)];
  });
}

function againstPeer(line: Line, peer: string, factor: number): Verdict {
  const is = advantage(line, peer);
  return verdict(line, is >= factor, `${is.toFixed(2)} × ${peer}, asked ${factor}`);
}

/** What depends on the machine's speed is scaled to this machine's. */
function againstValue(line: Line, value: number, yardstick: number): Verdict {
  const speed = line.isFixed ? 1 : yardstick / REFERENCE_YARDSTICK;
  const asked = line.isLessBetter ? value / speed : value * speed;
  const is = medianOf(line.values[US]!);
  const sentence = `${printNumber(is)} ${line.unit}, asked ${line.isLessBetter ? '≤' : '≥'} ${printNumber(asked)}`;
  return verdict(line, line.isLessBetter ? is <= asked : is >= asked, sentence);
}

function verdict(line: Line, isMet: boolean, sentence: string): Verdict {
  return { isMet, sentence: `${isMet ? 'meets ' : 'MISSES'} ${kindOf(line)}, ${line.name}: ${sentence}` };
}
