// What happens between the steps of a change: while a key is being claimed, or a port being opened.
import { MessageChannel } from 'node:worker_threads';
import { beforeEach, describe, expect, it } from 'vitest';
import type { ConfigureReport, EngineChange } from '../../src/bridge/api.ts';
import type { Outcome } from '../../src/bridge/errors.ts';
import { toBase64 } from '../../src/core/bytes.ts';
import { clamp } from '../../src/core/crypto/identity.ts';
import * as x25519 from '../../src/core/crypto/x25519.ts';
import { MAX_PEERS } from '../../src/core/wireguard/constants.ts';
import { type KeyHolder, type KeyRegistry, ProcessKeyRegistry } from '../../src/service/key-registry.ts';
import { TunnelService } from '../../src/service/service.ts';
import { Surroundings, somePeer } from './surroundings.ts';

const OLD = clamp(Uint8Array.from({ length: 32 }, (_, i) => 7 * i + 1));
const NEW = clamp(Uint8Array.from({ length: 32 }, (_, i) => 5 * i + 3));
const name = (privateKey: Uint8Array) => toBase64(x25519.publicKey(privateKey));

/** Says who holds what, and can be told to take its time. */
class SlowRegistry implements KeyRegistry {
  readonly scope = 'in this test';
  readonly held = new Set<string>();
  readonly holders = new Map<string, KeyHolder>();
  /** What was kept for each key. */
  readonly saved = new Map<string, Uint8Array[]>();
  readonly #process = new ProcessKeyRegistry();
  /** While set, claims wait for it. */
  gate: Promise<void> | undefined;
  /** While set, what is released stays held until then. */
  lastWords: Promise<void> | undefined;

  async claim(publicKey: string, takeOver: boolean, holder: KeyHolder) {
    this.holders.set(publicKey, holder);
    await this.gate;
    const claim = await this.#process.claim(publicKey, takeOver, holder);
    if (!claim) return undefined;
    this.held.add(publicKey);
    return {
      ...claim,
      saveTimestamp: (timestamp: Uint8Array) => {
        this.saved.set(publicKey, [...(this.saved.get(publicKey) ?? []), timestamp.slice()]);
        claim.saveTimestamp(timestamp);
      },
      release: async () => {
        await this.lastWords;
        this.held.delete(publicKey);
        await claim.release();
      },
    };
  }
}

let registry: SlowRegistry;
let host: Surroundings;
let service: TunnelService;

beforeEach(async () => {
  registry = new SlowRegistry();
  host = await Surroundings.create(registry);
  service = new TunnelService(host);
  expect(await host.open(service, OLD.slice())).toEqual({ value: undefined });
});

function change(privateKey?: Uint8Array): EngineChange {
  return { addresses: ['10.0.0.2/24'], mtu: 1420, peers: [somePeer()], privateKey };
}

function gate(): { promise: Promise<void>; open: () => void } {
  let open!: () => void;
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}

function codeOf(outcome: Outcome<ConfigureReport>): string | undefined {
  return 'error' in outcome && 'code' in outcome.error ? outcome.error.code : undefined;
}

describe('a new private key', () => {
  it('is claimed before the old one is let go', async () => {
    const closed = gate();
    registry.lastWords = closed.promise;
    const configuring = service.configure(change(NEW.slice()));
    await expect.poll(() => [...registry.held].sort()).toEqual([name(OLD), name(NEW)].sort());
    closed.open();
    expect(await configuring).toMatchObject({ value: { resets: [{ change: 'privateKey' }] } });
    expect([...registry.held]).toEqual([name(NEW)]);
    await service.close(0);
    expect(registry.held.size).toBe(0);
  });

  it('is let go when the tunnel is closed meanwhile, and the change is refused', async () => {
    const slow = gate();
    registry.gate = slow.promise;
    const configuring = service.configure(change(NEW.slice()));
    await Promise.resolve();
    const closing = service.close(0);
    slow.open();
    expect(codeOf(await configuring)).toBe('ERR_CLOSED');
    await closing;
    expect(registry.held.size).toBe(0);
  });

  it('lets others take the old one over without a word, even before it is wholly let go', async () => {
    const closed = gate();
    registry.lastWords = closed.promise;
    const configuring = service.configure(change(NEW.slice()));
    await new Promise((resolve) => setTimeout(resolve, 10));
    registry.holders.get(name(OLD))!.lost();
    closed.open();
    expect(codeOf(await configuring)).toBeUndefined();
    expect(await service.status()).toMatchObject({ value: { publicKey: name(NEW) } });
    registry.holders.get(name(NEW))!.lost();
    expect(await service.status()).toMatchObject({ error: { code: 'ERR_CLOSED' } });
  });

  it('goes on from the timestamps that were sent with it before', async () => {
    const earlier = new TunnelService(await Surroundings.create(registry));
    const { port1 } = new MessageChannel();
    await earlier.open(
      { config: { ...change(), privateKey: NEW.slice() }, relays: [], takeOver: false },
      port1 as unknown as MessagePort,
    );
    for (let again = 0; again < 3; again++) {
      await earlier.configure({ ...change(), peers: [] });
      await earlier.configure(change());
    }
    await earlier.close(0);
    port1.close();
    await service.configure({ ...change(NEW.slice()), peers: [] });
    await service.configure(change());
    // The clock of this test stands still, so that only what was remembered makes them grow.
    const saved = registry.saved.get(name(NEW))!;
    expect(saved).toHaveLength(5);
    expect([...saved].sort(Buffer.compare)).toEqual(saved);
    expect(new Set(saved.map(toBase64)).size).toBe(5);
  });
});

describe('every change', () => {
  it('wipes the keys that it was handed, whatever comes of it', async () => {
    const psk = () => new Uint8Array(32).fill(9);
    const good = change(NEW.slice());
    good.peers[0]!.presharedKey = psk();
    const same = { ...change(NEW.slice()), peers: [{ ...somePeer(), presharedKey: psk() }] };
    const bad = { ...change(OLD.slice()), mtu: 60_000, peers: [{ ...somePeer(), presharedKey: psk() }] };
    await service.configure(good);
    await service.configure(same);
    expect(codeOf(await service.configure(bad))).toBe('ERR_CONFIG');
    for (const { privateKey, peers } of [good, same, bad]) {
      expect([...(privateKey as Uint8Array)].every((byte) => byte === 0)).toBe(true);
      expect(peers[0]!.presharedKey!.every((byte) => byte === 0)).toBe(true);
    }
  });

  it('has no more peers than there is room for', async () => {
    const peers = Array.from({ length: MAX_PEERS + 1 }, somePeer);
    expect(codeOf(await service.configure({ ...change(), peers }))).toBe('ERR_CONFIG');
  });

  it('cannot move the port where the transport has none of its own', async () => {
    expect(codeOf(await service.configure({ ...change(), listenPort: 5 }))).toBe('ERR_CONFIG');
    expect(codeOf(await service.configure(change()))).toBeUndefined();
  });

  it('with a larger MTU makes room for larger packets to wait for a session', async () => {
    const drops = async () => {
      const status = await service.status();
      return 'value' in status ? status.value.drops.wireguard : {};
    };
    const ping = async () => {
      const { port1, port2 } = new MessageChannel();
      await service.ping(
        { address: '10.0.0.1', count: 1, interval: 1000, size: 8000, timeout: 1000 },
        port1 as unknown as MessagePort,
      );
      port2.close();
    };
    await service.configure({ ...change(), mtu: 9000 });
    await ping();
    expect(await drops()).toEqual({});
  });

  it('sends nothing to a peer that it removes, and calls one that it adds', async () => {
    host.sent = [];
    await service.configure({ ...change(NEW.slice()), peers: [] });
    expect(host.sent).toEqual([]);
    await service.configure(change());
    expect(host.sent.map(({ length }) => length)).toEqual([148]);
  });
});
