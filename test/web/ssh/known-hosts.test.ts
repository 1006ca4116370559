import { describe, expect, it } from 'vitest';
import { type HostStore, type KnownHost, KnownHosts } from '../../../web/ssh/known-hosts.ts';

class MemoryStore implements HostStore {
  readonly hosts = new Map<string, unknown>();
  isBroken = false;

  async list() {
    if (this.isBroken) throw new DOMException('no', 'SecurityError');
    return [...this.hosts.values()];
  }

  async put(host: KnownHost) {
    if (this.isBroken) throw new DOMException('no', 'SecurityError');
    this.hosts.set(host.id, host);
  }

  async delete(id: string) {
    this.hosts.delete(id);
  }
}

const place = { identity: 'our key', host: 'build.internal', port: 22 };

/** A public key as SSH sends it. */
function keyOf(seed: number): Uint8Array {
  const type = Buffer.from('ssh-ed25519');
  const length = Buffer.alloc(4);
  length.writeUInt32BE(type.length);
  return Buffer.concat([length, type, Buffer.from([0, 0, 0, 32]), Buffer.alloc(32, seed)]);
}

describe('known hosts', () => {
  it('know a key from its first pinning on, and tell when it is another one', async () => {
    const hosts = new KnownHosts(new MemoryStore(), () => 1234);
    expect(await hosts.check(place, keyOf(1))).toEqual({ is: 'new' });
    await hosts.pin(place, keyOf(1));
    expect(await hosts.check(place, keyOf(1))).toEqual({ is: 'known' });
    const verdict = await hosts.check(place, keyOf(2));
    expect(verdict).toMatchObject({ is: 'changed', before: { since: 1234, keyType: 'ssh-ed25519' } });
    await hosts.pin(place, keyOf(2));
    expect(await hosts.check(place, keyOf(1))).toMatchObject({ is: 'changed' });
  });

  it('tell another tunnel, host or port from this one, and no difference in capitals', async () => {
    const hosts = new KnownHosts(new MemoryStore());
    await hosts.pin(place, keyOf(1));
    for (const other of [{ identity: 'another' }, { host: 'db.internal' }, { port: 2222 }])
      expect(await hosts.check({ ...place, ...other }, keyOf(1))).toEqual({ is: 'new' });
    expect(await hosts.check({ ...place, host: 'Build.Internal' }, keyOf(1))).toEqual({ is: 'known' });
  });

  it('are there on the next visit, unless they were told by the page only', async () => {
    const store = new MemoryStore();
    const before = new KnownHosts(store);
    await before.pin(place, keyOf(1));
    await before.pin({ ...place, port: 2222 }, keyOf(2), { lasting: false });
    const after = new KnownHosts(store);
    expect(await after.check(place, keyOf(1))).toEqual({ is: 'known' });
    expect(await after.check({ ...place, port: 2222 }, keyOf(2))).toEqual({ is: 'new' });
    await after.forget(after.hosts.value[0]!.id);
    expect(await new KnownHosts(store).check(place, keyOf(1))).toEqual({ is: 'new' });
  });

  it('pass over what another version left, and last as long as the page where nothing is stored', async () => {
    const store = new MemoryStore();
    for (const odd of [null, 7, {}, { id: 'x', host: 5 }]) store.hosts.set(String(odd), odd);
    expect(await new KnownHosts(store).check(place, keyOf(1))).toEqual({ is: 'new' });
    store.isBroken = true;
    const hosts = new KnownHosts(store);
    await hosts.pin(place, keyOf(1));
    expect(await hosts.check(place, keyOf(2))).toMatchObject({ is: 'changed' });
  });

  it('are no more than 500: the oldest make room, in the store, too', async () => {
    const store = new MemoryStore();
    const hosts = new KnownHosts(store);
    for (let port = 1; port <= 502; port++) await hosts.pin({ ...place, port }, keyOf(1));
    expect(hosts.hosts.value).toHaveLength(500);
    expect(store.hosts.size).toBe(500);
    expect(await hosts.check({ ...place, port: 2 }, keyOf(1))).toEqual({ is: 'new' });
    expect(await hosts.check({ ...place, port: 502 }, keyOf(1))).toEqual({ is: 'known' });
  });
});
