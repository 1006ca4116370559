// fetch where nobody answers: an engine that sends into the void, and whose time is the test's.
import { beforeEach, describe, expect, it } from 'vitest';
import { Dialer } from '../../../src/client/dialer.ts';
import { HttpClient } from '../../../src/client/http/http-client.ts';
import { LoneEngine } from '../../support/lone-engine.ts';
import { PEER_V4 } from '../../support/lone-stack.ts';

let engine: LoneEngine;
let client: HttpClient;

beforeEach(() => {
  engine = new LoneEngine();
  const dialer = new Dialer(engine.client);
  client = new HttpClient((destination, options) => dialer.dial(destination, options));
});

async function quiet(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe('a connection that is not there within', () => {
  it.each([
    ['connectTimeout', { connectTimeout: 2000 }, 2000],
    ['30 seconds, where nothing is said of it', {}, 30_000],
  ])('%s fails the request with ERR_TIMEOUT', async (_, tunnel, timeout) => {
    let failure: unknown;
    void client.fetch(`http://${PEER_V4}/`, { tunnel }).catch((error: unknown) => {
      failure = error;
    });
    await expect.poll(() => engine.lone.sent.length).toBeGreaterThan(0);
    engine.advance(timeout - 1);
    await quiet();
    expect(failure).toBeUndefined();
    engine.advance(1);
    await quiet();
    expect(failure).toBeInstanceOf(TypeError);
    expect(failure).toMatchObject({ cause: { code: 'ERR_TIMEOUT', retryable: true, leg: 'inside' } });
  });
});
