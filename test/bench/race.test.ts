import { describe, expect, it } from 'vitest';
import { type Contender, Race } from './race.ts';

/** Counts its turns; each time "takes" what it says. */
class Runner implements Contender {
  readonly turns: number[] = [];
  readonly #answer: number[];
  readonly #each: number;

  constructor(answer: number[], each: number) {
    this.#answer = answer;
    this.#each = each;
  }

  answer(): Uint8Array {
    return Uint8Array.from(this.#answer);
  }

  readonly run = (times: number): number => {
    this.turns.push(times);
    return times * this.#each;
  };
}

describe('a race', () => {
  it('gives each a turn of the same length, and says units per second', async () => {
    const [slow, fast] = [new Runner([1, 2], 4), new Runner([1, 2], 0.5)];
    const race = await Race.prepare('it', { unit: 'MB/s', amount: 3, contenders: { slow, fast } }, 100);
    const rates = await race.round();
    expect(slow.turns.at(-1)).toBe(25);
    expect(fast.turns.at(-1)).toBe(200);
    expect(rates).toEqual({ slow: (3 * 1000) / 4, fast: (3 * 1000) / 0.5 });
  });

  it('does not begin when two disagree, and says who', async () => {
    const contenders = { one: new Runner([1, 2], 1), other: new Runner([1, 3], 1) };
    const race = Race.prepare('seal 64 B', { unit: 'op/s', amount: 1, contenders }, 10);
    await expect(race).rejects.toThrow('seal 64 B: other has another answer');
    expect(contenders.one.turns).toEqual([]);
  });

  it('does not begin when a lone one is wrong', async () => {
    const expected = Uint8Array.of(1);
    const contenders = { lone: new Runner([1, 0], 1) };
    const race = Race.prepare('it', { unit: 'op/s', amount: 1, expected, contenders }, 10);
    await expect(race).rejects.toThrow('lone');
  });
});
