// What the loser of a key does in the very turn in which it learns of it: counted at the transport, and looked at in
// the engine's memory.
import { MessageChannel } from 'node:worker_threads';
import { describe, expect, it, vi } from 'vitest';
import type { EngineEvent } from '../../src/bridge/api.ts';
import { fromBase64 } from '../../src/core/bytes.ts';
import type { Clock } from '../../src/core/clock.ts';
import { DropCounters } from '../../src/core/counters.ts';
import { clamp, RawIdentity } from '../../src/core/crypto/identity.ts';
import { WasmSuite } from '../../src/core/crypto/wasm-suite.ts';
import { TunnelError } from '../../src/core/errors.ts';
import { type Instant, NEVER } from '../../src/core/time.ts';
import type { DatagramReceiver, DatagramTransport } from '../../src/core/transport.ts';
import { loadAssembly } from '../../src/node/assembly.ts';
import { type KeyHolder, type KeyRegistry, ProcessKeyRegistry } from '../../src/service/key-registry.ts';
import { type EngineHost, TunnelService } from '../../src/service/service.ts';

/** Everything that a service stands on, with nothing behind it. */
class Surroundings implements EngineHost {
  readonly suite: WasmSuite;
  readonly environment: EngineHost['environment'];
  readonly keys: KeyRegistry;
  now: Instant = 1000;
  wakeAt: Instant = NEVER;
  /** Set: the service's own way of being told that the key is lost. */
  holder: KeyHolder | undefined;
  sent: Uint8Array[] = [];
  isTransportClosed = false;
  isFinished = false;
  released = 0;
  transportFailure: TunnelError | undefined;
  readonly clock: Clock = {
    now: () => this.now,
    wakeAt: (at) => {
      this.wakeAt = at;
    },
  };
  readonly events: EngineEvent[] = [];

  constructor(suite: WasmSuite, registry: KeyRegistry = new ProcessKeyRegistry()) {
    this.suite = suite;
    this.environment = {
      crypto: suite,
      memory: suite.memory,
      fillRandom: (bytes) => globalThis.crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>),
      wallClock: () => Date.UTC(2027, 0, 1),
    };
    this.keys = {
      scope: registry.scope,
      claim: async (publicKey, takeOver, holder) => {
        this.holder = holder;
        const claim = await registry.claim(publicKey, takeOver, holder);
        return (
          claim && {
            ...claim,
            release: () => {
              this.released++;
              return claim.release();
            },
          }
        );
      },
    };
  }

  static async create(registry?: KeyRegistry): Promise<Surroundings> {
    return new Surroundings(new WasmSuite(await loadAssembly()), registry);
  }

  async createIdentity(privateKey: Uint8Array | CryptoKey) {
    return new RawIdentity(privateKey as Uint8Array, this.suite);
  }

  createTransport(): DatagramTransport {
    if (this.transportFailure) throw this.transportFailure;
    return {
      receiver: undefined as DatagramReceiver | undefined,
      endpointFor: (host, port) => ({ host, port }),
      send: ({ memory, start, end }) => void this.sent.push(memory.slice(start, end)),
      flush: () => {},
      congested: false,
      drops: new DropCounters(),
      close: () => {
        this.isTransportClosed = true;
      },
    };
  }

  retryNow(): void {}

  finished(): void {
    this.isFinished = true;
  }

  open(service: TunnelService, privateKey: Uint8Array, takeOver = false) {
    const { port1, port2 } = new MessageChannel();
    port2.on('message', (event: EngineEvent) => this.events.push(event));
    port2.unref();
    return service.open(
      {
        config: {
          privateKey,
          addresses: ['10.0.0.2/24'],
          mtu: 1420,
          peers: [
            {
              publicKey: fromBase64('oBjHUlIGP9uKkQ6oNnzhbDTN1vJlJ5lyg9EcUVQOBV4=')!,
              endpoint: { host: '192.0.2.1', port: 51820 },
              allowedIps: ['10.0.0.0/24'],
              persistentKeepalive: 25,
            },
          ],
        },
        relays: [],
        takeOver,
      },
      port1 as unknown as MessagePort,
    );
  }
}

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
    expect(asked.filter((outcome) => 'error' in outcome && outcome.error.code === 'ERR_CLOSED')).toHaveLength(
      3,
    );
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
