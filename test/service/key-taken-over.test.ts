// What the loser of a key does in the very turn in which it learns of it: counted at the transport, and looked at in
// the engine's memory.
import { MessageChannel } from 'node:worker_threads';
import { describe, expect, it, vi } from 'vitest';
import { clamp, RawIdentity } from '../../src/core/crypto/identity.ts';
import { TunnelError } from '../../src/core/errors.ts';
import { NEVER } from '../../src/core/time.ts';
import { ProcessKeyRegistry } from '../../src/service/key-registry.ts';
import { TunnelService } from '../../src/service/service.ts';
import { Surroundings } from './surroundings.ts';

const PRIVATE_KEY = clamp(Uint8Array.from({ length: 32 }, (_, i) => 7 * i + 1));

describe('an engine that loses its key', () => {
  it('is silent and has zeroed everything when lost() returns', async () => {
    const host = await Surroundings.create();
    const service = new TunnelService(host);
    expect(await host.open(service, PRIVATE_KEY.slice())).toEqual({ value: undefined });
    expect(host.sent).toHaveLength(1);
    expect(host.suite.memory.bytes.some((byte) => byte !== 0)).toBe(true);

    host.holder!.lost();
    expect(host.isTransportClosed).toBe(true);
    expect(host.wakeAt).toBe(NEVER);
    expect(host.suite.memory.bytes.every((byte) => byte === 0)).toBe(true);
    expect(() => host.suite.hash(new Uint8Array(1))).toThrow('after wipe');

    // Whatever the page still asks for meets an end, and nothing of it goes out.
    const { port1 } = new MessageChannel();
    const asked = await Promise.all([
      service.status(),
      service.retryNow(),
      service.connectTcp({ remoteAddress: '10.0.0.1', remotePort: 80 }, port1 as unknown as MessagePort),
      service.ping(
        { address: '10.0.0.1', count: 1, interval: 1, size: 1, timeout: 1 },
        port1 as unknown as MessagePort,
      ),
    ]);
    expect(
      asked.filter(
        (outcome) => 'error' in outcome && 'code' in outcome.error && outcome.error.code === 'ERR_CLOSED',
      ),
    ).toHaveLength(3);
    expect(host.sent).toHaveLength(1);
    expect(host.released).toBe(1);
    expect(host.isFinished).toBe(true);
    await vi.waitFor(() => expect(host.events.some(({ type }) => type === 'close')).toBe(true));
    expect(host.events.filter(({ type }) => type === 'close')).toEqual([
      {
        type: 'close',
        error: expect.objectContaining({
          code: 'ERR_IN_USE',
          message: 'Another tunnel in this process has taken over this private key.',
        }),
      },
    ]);
    expect(await service.close(1000)).toEqual({ value: undefined });
    expect(host.released).toBe(1);
  });

  it('gives way also while it is closing', async () => {
    const host = await Surroundings.create();
    const service = new TunnelService(host);
    await host.open(service, PRIVATE_KEY.slice());
    const closing = service.close(60_000);
    host.holder!.lost();
    expect(host.suite.memory.bytes.every((byte) => byte === 0)).toBe(true);
    expect(await closing).toEqual({ value: undefined });
    expect(host.released).toBe(1);
  });
});

describe('an engine that is closed', () => {
  it.each([0, 1000])('with a timeout of %i has zeroed everything when close() resolves', async (timeout) => {
    const host = await Surroundings.create();
    const service = new TunnelService(host);
    await host.open(service, PRIVATE_KEY.slice());
    expect(host.suite.memory.bytes.some((byte) => byte !== 0)).toBe(true);
    const identity = vi.spyOn(RawIdentity.prototype, 'destroy');

    expect(await service.close(timeout)).toEqual({ value: undefined });
    expect(host.suite.memory.bytes.every((byte) => byte === 0)).toBe(true);
    expect(identity).toHaveBeenCalledOnce();
    identity.mockRestore();
    expect(() => host.suite.hash(new Uint8Array(1))).toThrow('after wipe');
    expect([host.released, host.isTransportClosed, host.isFinished]).toEqual([1, true, true]);
    expect(await service.close(timeout)).toEqual({ value: undefined });
    expect(host.released).toBe(1);
  });
});

describe('a key that is claimed', () => {
  it('is let go when the tunnel is closed while it waits for the key', async () => {
    const registry = new ProcessKeyRegistry();
    const host = await Surroundings.create(registry);
    const service = new TunnelService(host);
    const opening = host.open(service, PRIVATE_KEY.slice());
    await service.close(0);
    expect(await opening).toMatchObject({ error: { code: 'ERR_CLOSED' } });
    expect(host.sent).toEqual([]);
    const next = await Surroundings.create(registry);
    expect(await next.open(new TunnelService(next), PRIVATE_KEY.slice())).toEqual({ value: undefined });
  });

  it('is let go when the rest of opening fails', async () => {
    const registry = new ProcessKeyRegistry();
    const host = await Surroundings.create(registry);
    host.transportFailure = new TunnelError('ERR_CONFIG', 'Not like this.');
    expect(await host.open(new TunnelService(host), PRIVATE_KEY.slice())).toMatchObject({
      error: { code: 'ERR_CONFIG' },
    });
    expect([host.released, host.isFinished]).toEqual([1, true]);
    const next = await Surroundings.create(registry);
    expect(await next.open(new TunnelService(next), PRIVATE_KEY.slice())).toEqual({ value: undefined });
  });

  it('hands its last timestamp on', async () => {
    const registry = new ProcessKeyRegistry();
    const first = await Surroundings.create(registry);
    const service = new TunnelService(first);
    await first.open(service, PRIVATE_KEY.slice());
    await service.close(0);
    let handed: Uint8Array | undefined;
    const host = await Surroundings.create({
      scope: registry.scope,
      claim: async (...args) => {
        const claim = await registry.claim(...args);
        handed = claim?.lastTimestamp;
        return claim;
      },
    });
    await host.open(new TunnelService(host), PRIVATE_KEY.slice());
    expect(handed).toHaveLength(12);
  });
});
