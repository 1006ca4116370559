// What of opening goes on side by side: the relay is called while the key is looked up, a UDP port is not.
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type KeyClaim, ProcessKeyRegistry } from '../../src/service/key-registry.ts';
import { TunnelService } from '../../src/service/service.ts';
import { Surroundings } from './surroundings.ts';

const RELAYS = ['wss://relay.example/v1'];

/** Says whose a key is when it is told to. */
class SlowRegistry extends ProcessKeyRegistry {
  answer!: (isFree: boolean) => void;
  readonly #answer = new Promise<boolean>((resolve) => {
    this.answer = resolve;
  });

  override async claim(...args: Parameters<ProcessKeyRegistry['claim']>): Promise<KeyClaim | undefined> {
    return (await this.#answer) ? super.claim(...args) : undefined;
  }
}

async function opening(relays: string[]) {
  const registry = new SlowRegistry();
  const surroundings = await Surroundings.create(registry);
  const service = new TunnelService(surroundings);
  const outcome = surroundings.open(service, new Uint8Array(32).fill(7), false, relays);
  await turn();
  return { registry, surroundings, service, outcome };
}

describe('while the key is looked up', () => {
  it('the relay is called', async () => {
    const { registry, surroundings, service, outcome } = await opening(RELAYS);
    expect(surroundings.isTransportBegun).toBe(true);
    expect(surroundings.sent).toEqual([]);
    registry.answer(true);
    expect(await outcome).toEqual({ value: undefined });
    expect(surroundings.sent).toHaveLength(1);
    await service.close(0);
  });

  it('no UDP port is taken: it may be that of the tunnel whose key this is', async () => {
    const { registry, surroundings, service, outcome } = await opening([]);
    expect(surroundings.isTransportMade).toBe(false);
    registry.answer(true);
    expect(await outcome).toEqual({ value: undefined });
    expect(surroundings.isTransportMade).toBe(true);
    await service.close(0);
  });
});

describe('when the key is another tunnel’s', () => {
  it('the relay is left again', async () => {
    const { registry, surroundings, outcome } = await opening(RELAYS);
    registry.answer(false);
    expect(await outcome).toMatchObject({ error: { code: 'ERR_IN_USE' } });
    await turn();
    expect(surroundings.isTransportClosed).toBe(true);
    expect(surroundings.sent).toEqual([]);
  });
});
