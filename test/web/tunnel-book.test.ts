import { describe, expect, it } from 'vitest';
import { derivePublicKey, generatePrivateKey } from '../../src/index.ts';
import { withoutPrivateKey } from '../../web/config-text.ts';
import { seal, unseal } from '../../web/tunnels/seal.ts';
import { TunnelBook } from '../../web/tunnels/tunnel-book.ts';
import type { SavedTunnel, TunnelStore } from '../../web/tunnels/tunnel-store.ts';

class MemoryStore implements TunnelStore {
  readonly records = new Map<string, SavedTunnel>();
  refuses: 'nothing' | 'keys' | 'all' = 'nothing';

  list() {
    return Promise.resolve([...this.records.values()]);
  }

  put(tunnel: SavedTunnel) {
    if (this.refuses === 'all' || (this.refuses === 'keys' && tunnel.secret.kind === 'key'))
      return Promise.reject(new DOMException('no', 'DataCloneError'));
    this.records.set(tunnel.id, tunnel);
    return Promise.resolve();
  }

  delete(id: string) {
    this.records.delete(id);
    return Promise.resolve();
  }
}

const privateKey = generatePrivateKey();
const text = `[Interface]\nPrivateKey = ${privateKey}\n# PrivateKey = ${privateKey}\nAddress = 10.0.0.2/32\n`;
const tunnel = {
  text,
  relay: 'wss://r.example/v1',
  publicKey: derivePublicKey(privateKey),
  privateKey: undefined,
};

function book(persists = true) {
  const store = new MemoryStore();
  return { store, book: new TunnelBook(store, () => Promise.resolve(persists)) };
}

describe('a book of tunnels', () => {
  it('stores nothing of what is kept in the tab', async () => {
    const { store, book: pages } = book();
    await pages.keep('A', tunnel);
    expect(store.records.size).toBe(0);
    expect(await pages.open(pages.tunnels.value[0]!.id)).toEqual(tunnel);
  });

  it('stores a key that cannot be read, and a text without it', async () => {
    const { store, book: pages } = book();
    await pages.save('A', tunnel);
    const [{ secret }] = [...store.records.values()] as [SavedTunnel];
    expect(secret).toMatchObject({ kind: 'key', privateKey: { extractable: false } });
    expect(JSON.stringify([...store.records.values()])).not.toContain(privateKey);
    expect(pages.note.value).not.toContain('may delete');
  });

  it('says it when the browser does not promise to keep it', async () => {
    const { book: pages } = book(false);
    await pages.save('A', tunnel);
    expect(pages.note.value).toContain('may delete it');
    expect(pages.note.value).toContain('ask for a new one');
    pages.hasEnrolment = true;
    await pages.save('A', tunnel);
    expect(pages.note.value).toContain('press “Get a configuration” again');
  });

  it('asks for a passphrase where keys cannot be stored, and for another browser where nothing can', async () => {
    const { store, book: pages } = book();
    store.refuses = 'keys';
    await pages.save('A', tunnel);
    expect([pages.needsPassphrase.value, pages.tunnels.value]).toEqual([true, []]);
    store.refuses = 'all';
    await pages.save('A', tunnel, 'x');
    expect(pages.problem.value).toContain('did not store it');
    store.refuses = 'nothing';
    await pages.save('A', tunnel, 'x');
    const [{ secret }] = [...store.records.values()] as [SavedTunnel];
    expect(secret.kind === 'sealed' && secret.sealed.iterations).toBeGreaterThanOrEqual(600_000);
  });

  it('replaces what has the same name, and lets no two have one by renaming', async () => {
    const { store, book: pages } = book();
    await pages.save('A', tunnel);
    await pages.keep(' A ', tunnel);
    expect([pages.tunnels.value.length, store.records.size]).toEqual([1, 0]);
    await pages.keep('B', tunnel);
    await pages.rename(pages.tunnels.value[1]!.id, 'A');
    expect(pages.problem.value).toContain('another “A”');
    expect(pages.tunnels.value.map(({ name }) => name)).toEqual(['A', 'B']);
  });

  it('wants a name of a sensible length', async () => {
    const { book: pages } = book();
    await pages.keep('  ', tunnel);
    expect(pages.problem.value).toContain('Give it a name');
    await pages.keep('x'.repeat(61), tunnel);
    expect(pages.problem.value).toContain('at most 60');
  });
});

describe('a sealed text', () => {
  it('opens with its passphrase alone, and not when a bit was changed', async () => {
    const sealed = await seal(text, 'é', 1000);
    expect(await unseal(sealed, 'é')).toBe(text);
    expect(await unseal(sealed, 'e')).toBeUndefined();
    new Uint8Array(sealed.data)[3]! ^= 1;
    expect(await unseal(sealed, 'é')).toBeUndefined();
    expect(await unseal({ ...sealed, iterations: 1e12 }, 'é')).toBeUndefined();
  });
});

describe('a text without its private key', () => {
  it('has it nowhere, and all the rest', () => {
    expect(withoutPrivateKey(`${text}# was ${privateKey}\n`)).toBe(
      '[Interface]\nAddress = 10.0.0.2/32\n# was \n',
    );
  });
});
