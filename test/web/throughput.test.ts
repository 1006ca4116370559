import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Tunnel } from '../../src/index.ts';
import { readServer, testByIperf } from '../../web/throughput/iperf3.ts';
import { readSeconds, type ThroughputQuestion, ThroughputRun } from '../../web/throughput/throughput-run.ts';
import { FakeIperf } from './fake-iperf.ts';

vi.stubGlobal('addEventListener', vi.fn());
vi.stubGlobal('removeEventListener', vi.fn());

const status = async () => ({ tcp: { connections: 0, retransmits: 3 } });
const explain = (error: unknown) => ({ sentence: (error as Error).message, copy: [] });

function load(direction: 'download' | 'upload') {
  const over = new AbortController();
  let counted = 0;
  return {
    direction,
    seconds: 7,
    signal: new AbortController().signal,
    over: over.signal,
    count: (bytes: number) => {
      counted += bytes;
      if (counted >= 200_000) over.abort();
    },
    get counted() {
      return counted;
    },
  };
}

const tunnelTo = (server: FakeIperf) => ({ TCPSocket: server.Socket }) as unknown as Tunnel;

describe('a test against iperf3', () => {
  it('asks for one stream that the server sends, and ends in order', async () => {
    const server = new FakeIperf();
    const given = load('download');
    expect(await testByIperf(tunnelTo(server), '10.0.0.1', given)).toEqual({});
    expect(given.counted).toBeGreaterThanOrEqual(200_000);
    expect(server.calls).toEqual(['10.0.0.1 5201', '10.0.0.1 5201']);
    expect(server.parameters).toMatchObject({ tcp: true, reverse: true, time: 7, parallel: 1 });
    expect(server.cookies[0]).toMatch(/^[a-z2-7]{36}\0$/);
    expect(server.cookies[1]).toBe(server.cookies[0]);
    expect(server.heard).toEqual(['TEST_END', 'results', 'IPERF_DONE']);
    expect(server.results).toMatchObject({ streams: [{ id: 1, bytes: given.counted }] });
  });

  it('believes the server about what arrived of an upload', async () => {
    const server = new FakeIperf();
    const report = await testByIperf(tunnelTo(server), 'iperf.internal:5202', load('upload'));
    expect(server.calls[0]).toBe('iperf.internal 5202');
    expect(server.parameters).not.toHaveProperty('reverse');
    expect(server.received).toBeGreaterThanOrEqual(200_000);
    expect(report).toEqual({ arrived: { bytes: 123_456, seconds: 2 } });
  });

  it.each([
    ['busy', 'busy with another test'],
    ['error', 'ended the test'],
    ['stranger', 'no iperf3 server'],
    ['silent', 'closed the connection'],
  ] as const)('of one that is %s is one sentence', async (mood, sentence) => {
    await expect(testByIperf(tunnelTo(new FakeIperf(mood)), 'a', load('upload'))).rejects.toThrow(sentence);
  });

  it('takes addresses as people write them', () => {
    expect(readServer(' 10.0.0.1:80 ')).toEqual({ host: '10.0.0.1', port: 80 });
    expect(readServer('fd00::1')).toEqual({ host: 'fd00::1', port: 5201 });
    expect(readServer('[fd00::1]:9')).toEqual({ host: 'fd00::1', port: 9 });
    for (const wrong of ['', 'a b', 'http://a/', 'a:99999'])
      expect(() => readServer(wrong)).toThrow('iperf3');
  });
});

describe('a throughput test over HTTP', () => {
  beforeEach(
    () =>
      void vi.useFakeTimers({
        toFake: ['setTimeout', 'setInterval', 'clearTimeout', 'clearInterval', 'performance'],
      }),
  );
  afterEach(() => void vi.useRealTimers());
  const ask =
    (change: Partial<ThroughputQuestion> = {}) =>
    () => ({
      kind: 'http' as const,
      direction: 'download' as const,
      address: 'http://a/',
      seconds: 2,
      ...change,
    });

  it('fetches again and again until the time is over', async () => {
    let fetched = 0;
    const fetch = async (_url: unknown, { signal }: RequestInit) => {
      if (++fetched > 5) vi.advanceTimersByTime(2000);
      signal!.throwIfAborted();
      vi.advanceTimersByTime(300);
      return new Response(new Uint8Array(1000));
    };
    const run = new ThroughputRun();
    await run.measure({ fetch, status } as unknown as Tunnel, ask(), explain);
    expect(run.advice.value).toBeUndefined();
    expect(run.state.value).toMatchObject({ isDone: true, bytes: 5000, retransmits: 0 });
    expect(run.rates.length).toBeGreaterThan(2);
    expect(run.times.at(-1)).toBeLessThan(4);
  });

  it('posts random bytes until the time is over, and counts them', async () => {
    let came = 0;
    const fetch = async (_url: unknown, { body }: RequestInit) => {
      for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
        came += chunk.length;
        vi.advanceTimersByTime(500);
      }
      return new Response('');
    };
    const run = new ThroughputRun();
    await run.measure({ fetch, status } as unknown as Tunnel, ask({ direction: 'upload' }), explain);
    expect(run.state.value).toMatchObject({ isDone: true, bytes: came, elapsed: 2000 });
    expect(came).toBe(4 * 65_536);
  });

  it.each([
    [() => new Response('', { status: 404 }), 'download', 'answered 404'],
    [() => new Response(''), 'download', 'answered with nothing'],
    [() => new Response('', { status: 405 }), 'upload', 'takes uploads'],
  ] as const)('says in one sentence what does not serve', async (answer, direction, sentence) => {
    const run = new ThroughputRun();
    await run.measure(
      { fetch: async () => answer(), status } as unknown as Tunnel,
      ask({ direction }),
      explain,
    );
    expect(run.advice.value?.sentence).toContain(sentence);
    expect(run.running.value).toBe(false);
  });

  it('lasts a sensible time', () => {
    expect(readSeconds(' 10 ')).toBe(10);
    for (const wrong of ['', '0', '301', '1.5', 'x']) expect(() => readSeconds(wrong)).toThrow('1 to 300');
  });
});
