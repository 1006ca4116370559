import { describe, expect, it } from 'vitest';
import { FileExists } from '../../../web/ssh/sftp-error.ts';
import { Transfers, type Try } from '../../../web/ssh/transfers.ts';

const WHAT = { name: 'a', direction: 'up', total: 10 } as const;

/** Transfers with one in them that does this in its tries. */
function transfers(...works: ((attempt: Try) => string)[]) {
  const all = new Transfers();
  const replaced: boolean[] = [];
  let agains = 0;
  const work = async (attempt: Try): Promise<string> => {
    replaced.push(attempt.mayReplace);
    await Promise.resolve();
    return works[replaced.length - 1]!(attempt);
  };
  const done = all.begin(WHAT, work, () => agains++);
  return { all, done, replaced, agains: () => agains, first: () => all.list.value.at(-1)! };
}

describe('a transfer', () => {
  it('tells how far it is, and the digest of what passed', async () => {
    const { done, first } = transfers(({ onBytes }) => {
      onBytes(4);
      onBytes(6);
      return 'digest';
    });
    expect(first()).toMatchObject({ ...WHAT, state: 'running', bytes: 0 });
    expect(await done).toBe(true);
    expect(first()).toMatchObject({ state: 'done', bytes: 10, digest: 'digest' });
  });

  it('that was stopped is no failure, and can be tried again', async () => {
    const { done, first, agains, replaced } = transfers(
      ({ signal }) => {
        signal.throwIfAborted();
        return '';
      },
      () => 'digest',
    );
    first().stop();
    expect(await done).toBe(false);
    expect(first()).toMatchObject({ state: 'stopped', problem: '' });
    first().again();
    await expect.poll(() => first().state).toBe('done');
    expect(agains()).toBe(1);
    expect(replaced).toEqual([false, false]);
  });

  it('replaces what is there only when told to, or when that is its own', async () => {
    const taken = transfers(
      () => {
        throw new FileExists('/a');
      },
      () => 'digest',
    );
    await taken.done;
    expect(taken.first()).toMatchObject({ state: 'failed', isTaken: true });
    taken.first().again();
    await expect.poll(() => taken.first().state).toBe('done');
    expect(taken.replaced).toEqual([false, true]);

    const broken = transfers(
      (attempt) => {
        attempt.mayReplace = true; // it has made the file
        throw new Error('The connection was lost.');
      },
      () => 'digest',
    );
    await broken.done;
    expect(broken.first()).toMatchObject({ state: 'failed', isTaken: false, bytes: 0 });
    broken.first().again();
    await expect.poll(() => broken.first().state).toBe('done');
    expect(broken.replaced).toEqual([false, true]);
  });

  it('is remembered, but not for ever', async () => {
    const { all } = transfers(() => 'digest');
    for (let i = 0; i < 30; i++) await all.begin(WHAT, () => Promise.resolve('digest'));
    expect(all.list.value).toHaveLength(20);
    void all.begin(WHAT, () => new Promise(() => {}));
    for (let i = 0; i < 30; i++) await all.begin(WHAT, () => Promise.resolve('digest'));
    expect(all.list.value.filter(({ state }) => state === 'running')).toHaveLength(1);
    all.list.value.find(({ state }) => state === 'running')!.stop();
  });
});
