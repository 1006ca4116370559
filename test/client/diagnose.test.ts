// What tunnel.diagnose() says of each leg, and that it says no more than was seen.
import { describe, expect, it } from 'vitest';
import type { PingReply, TransportStatus, TunnelStatus } from '../../src/bridge/api.ts';
import { type Check, type Diagnosed, type DiagnoseOptions, diagnose } from '../../src/client/diagnose.ts';
import { TunnelError } from '../../src/core/errors.ts';

const ENDPOINT = '192.0.2.1:51820';
const via = 'wss://relay.example/v1';

interface Surroundings {
  transport?: Partial<TransportStatus>;
  endpoint?: string | undefined;
  transferRx?: number;
  allowedIps?: string[];
  peerReady?: Diagnosed['peerReady'];
  answers?: boolean;
  /** Of the tunnel; absent: it is not known, and nothing of its size is sent. */
  mtu?: number;
  /** The largest echo request that gets through. */
  carries?: number;
  /** How many of those above 56 bytes are lost first. */
  losesFirst?: number;
}

function tunnel(around: Surroundings = {}): Diagnosed & { pinged: string[] } {
  const { transferRx = 92, allowedIps = ['10.0.0.0/24', '10.0.0.7/32'], answers = true } = around;
  const endpoint = 'endpoint' in around ? around.endpoint : ENDPOINT;
  const pinged: string[] = [];
  let { losesFirst = 0 } = around;
  return {
    pinged,
    status: async () =>
      ({
        transport: { state: 'open', via, rtt: 11.6, problems: [], localPorts: [], ...around.transport },
        mtu: around.mtu,
        peers: [{ publicKey: 'PEER', endpoint, transferRx, allowedIps }],
      }) as unknown as TunnelStatus,
    peerReady: around.peerReady ?? (async () => undefined),
    async *ping(host, { count, size = 56 }) {
      pinged.push(host);
      for (let sequence = 0; sequence < count; sequence++) {
        const isLost = size > 56 && losesFirst-- > 0;
        yield { sequence, ok: answers && !isLost && size <= (around.carries ?? size) } as PingReply;
      }
    },
  };
}

async function checks(of: Diagnosed, options?: DiagnoseOptions): Promise<Check[]> {
  const all: Check[] = [];
  for await (const check of diagnose(of, options)) all.push(check);
  return all;
}

const legs = (all: Check[]) => all.map(({ leg, ok }) => `${leg} ${ok ? 'ok' : 'not ok'}`);
const never: Diagnosed['peerReady'] = (_peer, { signal }) =>
  new Promise((_resolve, reject) => signal!.addEventListener('abort', () => reject(signal!.reason)));

describe('diagnose', () => {
  it('goes from the page to a host inside', async () => {
    const of = tunnel();
    const all = await checks(of);
    expect(legs(all)).toEqual(['browser ok', 'relay ok', 'endpoint ok', 'handshake ok', 'inside ok']);
    expect(all[1]!.detail).toBe(`The WebSocket to ${via} is open, a round trip takes 12 ms.`);
    expect(of.pinged).toEqual(['10.0.0.7']);
    expect(all.every(({ advice }) => advice === undefined)).toBe(true);
  });

  it('waits for a relay that is just being called, as long as it is told', async () => {
    const late = tunnel();
    let looks = 0;
    const status = async () => {
      const now = await late.status();
      return looks++ < 2 ? { ...now, transport: { ...now.transport, state: 'connecting' as const } } : now;
    };
    expect(legs(await checks({ ...late, status }, { timeout: 500 }))).toHaveLength(5);
    const never = tunnel({ transport: { state: 'connecting' } });
    expect(legs(await checks(never, { timeout: 60 }))).toEqual(['browser ok', 'relay not ok']);
  });

  it('ends with the engine that is gone', async () => {
    const status = () => Promise.reject(new TunnelError('ERR_WORKER', 'The worker died.'));
    const all = await checks({ ...tunnel(), status });
    expect(all).toEqual([
      {
        leg: 'browser',
        ok: false,
        detail: 'The worker died.',
        advice: 'Open a new tunnel.',
        code: 'ERR_WORKER',
      },
    ]);
  });

  it('looks at nothing behind a relay that is not open, and says what helps', async () => {
    const error = { code: 'ERR_RELAY_AUTH', message: 'The token is refused.', retryable: false } as never;
    const all = await checks(tunnel({ transport: { state: 'failed', error } }));
    expect(legs(all)).toEqual(['browser ok', 'relay not ok']);
    expect(all[1]).toMatchObject({
      detail: `${via}: The token is refused.`,
      advice: expect.stringContaining('token'),
    });
    expect(legs(await checks(tunnel({ transport: { state: 'waiting' } })))).toEqual([
      'browser ok',
      'relay not ok',
    ]);
  });

  it('tells an endpoint that has a problem from one that is silent', async () => {
    const error = { code: 'ERR_RELAY_DESTINATION', message: 'Not allowed.', retryable: false } as never;
    const told = await checks(
      tunnel({ transport: { problems: [{ endpoint: ENDPOINT, error }] }, transferRx: 0 }),
    );
    expect(told[2]).toMatchObject({ ok: false, detail: `${ENDPOINT}: Not allowed.` });
    const silent = await checks(tunnel({ transferRx: 0, peerReady: never }), { timeout: 5 });
    expect(silent[2]).toMatchObject({ ok: false, detail: `Nothing has come from ${ENDPOINT} yet.` });
    expect(silent[3]).toMatchObject({ ok: false, detail: 'No handshake with the peer PEER in 5 ms.' });
    expect(silent[3]!.advice).toContain('silence');
    expect(silent[4]).toEqual({
      leg: 'inside',
      ok: false,
      detail: 'Nobody was asked inside: there was no handshake.',
    });
    const unknown = await checks(tunnel({ endpoint: undefined }));
    expect(unknown[2]!.detail).toContain('must call first');
  });

  it('says that the preshared keys differ where that was seen', async () => {
    const peerReady = () => Promise.reject(new TunnelError('ERR_PSK_MISMATCH', 'It does not open.'));
    const [, , endpoint, handshake] = await checks(tunnel({ peerReady, transferRx: 0 }));
    expect(endpoint, 'it is an answer that says so').toMatchObject({ ok: true });
    expect(handshake).toMatchObject({ ok: false, detail: 'It does not open.' });
    expect(handshake!.advice).toContain('PresharedKey');
  });

  it('claims nothing of the inside where nobody was asked, or nobody answered', async () => {
    const nobody = await checks(tunnel({ allowedIps: ['0.0.0.0/0', '::/0'] }));
    expect(nobody.at(-1)).toMatchObject({
      leg: 'inside',
      ok: false,
      advice: expect.stringContaining('host'),
    });
    const silent = await checks(tunnel({ answers: false }), { host: 'db.internal' });
    expect(silent.at(-1)).toMatchObject({ ok: false, detail: 'db.internal did not answer a ping.' });
  });

  it('stops with its signal', async () => {
    const stop = new AbortController();
    const running = checks(tunnel({ peerReady: never }), { signal: stop.signal });
    setImmediate(() => stop.abort(new Error('enough')));
    await expect(running).rejects.toThrow('enough');
  });

  it('tells a way that loses large packets from one that works, in both families', async () => {
    for (const [host, size] of [
      ['10.0.0.7', 1392],
      ['fd00::7', 1372],
    ] as const) {
      const whole = await checks(tunnel({ mtu: 1420, carries: size }), { host });
      expect(whole.at(-1)).toMatchObject({ leg: 'inside', ok: true });
      const lossy = await checks(tunnel({ mtu: 1420, carries: size - 1 }), { host });
      expect(lossy.at(-1)).toMatchObject({ leg: 'inside', ok: false });
      expect(lossy.at(-1)!.detail).toContain('not one of 1420 bytes');
      expect(lossy.at(-1)!.advice).toContain('smaller MTU than 1420');
    }
  });

  it('takes a way for one that works that learns from what it loses: ours, and what the host answers', async () => {
    const learns = await checks(tunnel({ mtu: 1420, losesFirst: 2 }));
    expect(learns.at(-1)).toMatchObject({ leg: 'inside', ok: true });
    const loses = await checks(tunnel({ mtu: 1420, losesFirst: 1000 }));
    expect(loses.at(-1)).toMatchObject({ leg: 'inside', ok: false });
  });
});
