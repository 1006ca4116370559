// A relay that is asked to end sends its clients elsewhere.
import { describe, expect, it } from 'vitest';
import { GOAWAY, OPENED_KEYS_KNOWN, TICKET } from '../../src/core/wire/relay.ts';
import { data } from '../relay/fake-endpoint.ts';
import { settled, until } from '../relay/relay-client.ts';
import {
  connect,
  handshake,
  openedFlags,
  resumeOf,
  startEndpoint,
  startRelay,
} from '../relay/resume-harness.ts';

const check = async (url: string) => {
  const response = await fetch(`${url.replace('ws:', 'http:')}/check`);
  return ((await response.json()) as { ok: boolean }).ok;
};

describe('a relay that drains', () => {
  it('is not ready at once, accepts a while longer, tells its clients with a fresh ticket, and ends when they have moved', async () => {
    const peer = await startEndpoint();
    const drain = { delay: 0.3, spread: 0.1, notice: 5 };
    const { relay, url, options } = await startRelay(peer, { drain });
    const second = await startRelay(peer);
    const client = await handshake(await connect({ relay, url, options }), peer);
    const before = performance.now();
    const drained = relay.drain();
    expect([relay.isReady, relay.isDraining]).toEqual([false, true]);
    expect(await check(url)).toBe(true);
    await expect.poll(() => check(url).catch(() => 'gone'), { interval: 20 }).toBe('gone');
    await until(() => client.of(GOAWAY).length > 0, 'GOAWAY');
    expect(client.of(GOAWAY)).toMatchObject([{ reconnectWithin: 5000, retryAfter: 0, code: 1012 }]);
    expect(client.of(TICKET)).toHaveLength(2);
    // The old connection still serves until the new one has taken over.
    client.send([1, data(peer.index)]);
    await until(() => client.datagrams.length === 1, 'the echo');
    const moved = await connect(second);
    moved.send([0, resumeOf(client)], [0, moved.open(1, peer.port)], [1, data(peer.index)]);
    await until(() => moved.datagrams.length === 1, 'the echo');
    expect(openedFlags(moved)).toBe(OPENED_KEYS_KNOWN);
    client.socket.close(1000);
    await drained;
    expect(performance.now() - before).toBeLessThan(3000);
    expect(peer.ofType(1)).toHaveLength(1);
  });

  it('closes who does not go with 1012, and cuts off who does not even answer that', async () => {
    const peer = await startEndpoint();
    const drain = { delay: 0, spread: 0, notice: 0.1, max: 0.5 };
    const { relay, url, options } = await startRelay(peer, { drain, limits: { stopTimeout: 100 } });
    const [polite, stalled] = [
      await connect({ relay, url, options }),
      await connect({ relay, url, options }),
    ];
    stalled.socket.pause();
    const before = performance.now();
    await relay.drain();
    expect(performance.now() - before).toBeGreaterThan(400);
    expect(performance.now() - before).toBeLessThan(3000);
    expect(polite.closed).toEqual({ code: 1012, reason: 'restarting' });
    await until(() => relay.sessions === 0, 'the end of the other');
  });

  it('tells them one by one, at times of their own', async () => {
    const peer = await startEndpoint();
    const drain = { delay: 0, spread: 0.6, notice: 5, max: 2 };
    const limits = { upgradeBurst: 100, stopTimeout: 100 };
    const { relay, url, options } = await startRelay(peer, { drain, limits });
    const told: number[] = [];
    for (let i = 0; i < 30; i++) {
      const client = await connect({ relay, url, options });
      client.socket.on('message', () => {
        if (client.of(GOAWAY).length === 0) return;
        told.push(performance.now());
        client.socket.close(1000);
      });
    }
    const before = performance.now();
    await relay.drain();
    await settled(20);
    expect(told).toHaveLength(30);
    const times = told.map((at) => at - before);
    expect(Math.min(...times)).toBeLessThan(250);
    expect(Math.max(...times)).toBeGreaterThan(350);
  });

  it('does not keep a session whose client is gone', async () => {
    const peer = await startEndpoint();
    const { relay, url, options } = await startRelay(peer, { drain: { delay: 0, spread: 0, notice: 9 } });
    const client = await handshake(await connect({ relay, url, options }), peer);
    const drained = relay.drain();
    await until(() => client.of(GOAWAY).length > 0, 'GOAWAY');
    client.socket.terminate();
    await drained;
    expect([relay.sessions, relay.parked]).toEqual([0, 0]);
  });
});
