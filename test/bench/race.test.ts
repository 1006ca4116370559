import { describe, expect, it } from 'vitest';
import { type Contender, Race } from './race.ts';

/** Moved by whoever runs. */
const clock = {
  at: 0,
  now() {
    return this.at;
  },
};

/** Keeps its turns in mind. Each time takes so long; `counted` is the part of it that counts. */
class Runner implements Contender {
  readonly turns: number[] = [];
  readonly #answer: number[];
  readonly #each: number;
  readonly #counted: number | undefined;

  constructor(answer: number[], each: number, counted?: number) {
    this.#answer = answer;
    this.#each = each;
    this.#counted = counted;
  }

  answer(): Uint8Array {
    return Uint8Array.from(this.#answer);
  }

  readonly run = (times: number): number | undefined => {
    this.turns.push(times);
    clock.at += times * this.#each;
    return this.#counted && times * this.#each * this.#counted;
  };
}

describe('a race', () => {
  it('gives each a turn of the same length, and says units per second', async () => {
    const [slow, fast] = [new Runner([1, 2], 4), new Runner([1, 2], 0.5)];
    const race = await Race.prepare(
      'it',
      { unit: 'MB/s', amount: 3, contenders: { slow, fast } },
      100,
      clock,
    );
    const rates = await race.round();
    expect(slow.turns.at(-1)).toBe(25);
    expect(fast.turns.at(-1)).toBe(200);
    expect(rates).toEqual({ slow: (3 * 1000) / 4, fast: (3 * 1000) / 0.5 });
  });

  it('counts the part of a turn that counts, and makes the turn no longer for it', async () => {
    const partly = new Runner([1], 4, 0.25);
    const race = await Race.prepare('it', { unit: 'op/s', amount: 1, contenders: { partly } }, 100, clock);
    expect(await race.round()).toEqual({ partly: 1000 });
    expect(partly.turns.at(-1)).toBe(25);
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
