import { describe, expect, it } from 'vitest';
import { outcomeOf, unwrap } from '../../src/bridge/errors.ts';
import { CallerRangeError, CallerTypeError, FailedAttempts, TunnelError } from '../../src/core/errors.ts';

/** What a call that fails like this rejects with on the other side of a thread. */
async function across(thrown: unknown): Promise<Error> {
  const outcome = await outcomeOf(() => {
    throw thrown;
  });
  try {
    unwrap(structuredClone(outcome));
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}

describe('what the engine throws', () => {
  it('is a TunnelError with all it said', async () => {
    const thrown = new TunnelError('ERR_NO_ROUTE', 'No way.', {
      leg: 'inside',
      peer: 'abc=',
      retryable: true,
    });
    const seen = await across(thrown);
    expect(seen).toBeInstanceOf(TunnelError);
    expect(seen).toMatchObject({
      code: 'ERR_NO_ROUTE',
      message: 'No way.',
      leg: 'inside',
      peer: 'abc=',
      retryable: true,
    });
  });

  it('says of a connection to a name what became of each address', async () => {
    const error = new TunnelError('ERR_TIMEOUT', 'No answer.', { retryable: true });
    const cause = new FailedAttempts([{ address: '10.0.0.1', error }]);
    const seen = await across(new TunnelError('ERR_TIMEOUT', 'No connection.', { cause }));
    expect(seen.cause).toBeInstanceOf(FailedAttempts);
    const { errors, attempts } = seen.cause as FailedAttempts;
    expect(attempts).toEqual([{ address: '10.0.0.1', error: errors[0] }]);
    expect(errors[0]).toMatchObject({ code: 'ERR_TIMEOUT', message: 'No answer.', retryable: true });
  });

  it('is a TypeError or a RangeError again where the caller made a mistake', async () => {
    for (const [thrown, kind] of [
      [new CallerTypeError('to: expected an address'), TypeError],
      [new CallerRangeError('ttl: expected 1–255, got 256'), RangeError],
    ] as const) {
      const seen = await across(thrown);
      expect(Object.getPrototypeOf(seen)).toBe(kind.prototype);
      expect(seen.message).toBe(thrown.message);
      expect(`${thrown}`).toBe(`${seen}`);
    }
  });

  it('is ERR_WORKER where the mistake was ours', async () => {
    for (const thrown of [new TypeError('x is undefined'), new RangeError('packet outside its slot'), 'text'])
      expect(await across(thrown)).toMatchObject({
        code: 'ERR_WORKER',
        message: expect.stringContaining('The engine failed: '),
      });
  });
});
