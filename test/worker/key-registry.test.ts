import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { timestampOf } from '../../src/core/wireguard/tai64n.ts';
import { BrowserKeyRegistry } from '../../src/worker/key-registry.ts';
import { FakeLocks } from '../support/fake-locks.ts';

const KEY = 'oBjHUlIGP9uKkQ6oNnzhbDTN1vJlJ5lyg9EcUVQOBV4=';
const OTHER = 'GZMKRhH8QZ7bjUPk7qNLeSWWSANC0vhBqlDyvpJ8iFs=';
const AT_1000 = timestampOf(1_800_000_000, 0);
const AT_1001 = timestampOf(1_800_000_001, 0);
const AT_1002 = timestampOf(1_800_000_002, 0);

/** The storage of an origin, which can hang and fail. */
class FakeStorage {
  readonly records = new Map<string, Uint8Array>();
  /** Writes that were begun, in order. */
  readonly begun: Uint8Array[] = [];
  /** Set: a write is done when this is resolved. */
  hang: Promise<void> | undefined;
  failure: Error | undefined;
  pruned = 0;

  async open() {
    if (this.failure) throw this.failure;
    return {
      read: async (key: string) => this.records.get(key),
      write: async (key: string, timestamp: Uint8Array) => {
        this.begun.push(timestamp);
        await this.hang;
        if (this.failure) throw this.failure;
        this.records.set(key, timestamp);
      },
      prune: async () => {
        this.pruned++;
      },
      close: () => {},
    };
  }
}

/** One page of the origin. */
class Page {
  readonly registry: BrowserKeyRegistry;
  lost = 0;
  readonly warnings: string[] = [];

  constructor(locks: FakeLocks | undefined, storage: FakeStorage) {
    this.registry = new BrowserKeyRegistry({ locks, openTimestamps: () => storage.open() });
  }

  claim(takeOver = false, key = KEY) {
    return this.registry.claim(key, takeOver, {
      lost: () => {
        this.lost++;
      },
      warn: (message) => {
        this.warnings.push(message);
      },
    });
  }
}

/** Whether the page is refused the key, after a second of waiting. */
async function refused(page: Page): Promise<boolean> {
  let claim: unknown = 'waiting';
  void page.claim().then((got) => {
    claim = got;
  });
  await vi.advanceTimersByTimeAsync(999);
  expect(claim).toBe('waiting');
  await vi.advanceTimersByTimeAsync(1);
  return claim === undefined;
}

let locks: FakeLocks;
let storage: FakeStorage;
let first: Page;
let second: Page;

beforeEach(() => {
  vi.useFakeTimers();
  locks = new FakeLocks();
  storage = new FakeStorage();
  first = new Page(locks, storage);
  second = new Page(locks, storage);
});

afterEach(() => {
  vi.useRealTimers();
});

describe('whose a key is', () => {
  it('the second page does not get it, but another key it gets', async () => {
    expect(await first.claim()).toBeDefined();
    expect(await refused(second)).toBe(true);
    expect(await second.claim(false, OTHER)).toBeDefined();
    expect([first.lost, second.lost]).toEqual([0, 0]);
    expect([...first.warnings, ...second.warnings]).toEqual([]);
  });

  it('is waited for a second: the page that has it may be on its way out', async () => {
    const claim = await first.claim();
    const claiming = second.claim();
    await vi.advanceTimersByTimeAsync(999);
    await claim!.release();
    expect(await claiming).toBeDefined();
  });

  it('is free again after its release', async () => {
    const claim = await first.claim();
    await claim!.release();
    await claim!.release();
    expect(await second.claim()).toBeDefined();
    expect(first.lost).toBe(0);
  });

  it('a taker gets it, and the one before is told once', async () => {
    const claim = await first.claim();
    const taking = second.claim(true);
    await vi.waitFor(() => expect(first.lost).toBe(1));
    await claim!.release();
    expect(await taking).toBeDefined();
    expect([first.lost, second.lost]).toEqual([1, 0]);
    expect(await refused(first)).toBe(true);
  });

  it('the release of who lost it does not free it', async () => {
    const claim = await first.claim();
    const taking = second.claim(true);
    await claim!.release();
    await taking;
    await claim!.release();
    expect(await refused(first)).toBe(true);
  });

  it('a taker waits for the last word of who lost it, and starts above it', async () => {
    const claim = await first.claim();
    let written = () => {};
    storage.hang = new Promise((resolve) => {
      written = resolve;
    });
    claim!.saveTimestamp(AT_1000);
    let taken = false;
    const taking = second.claim(true).then((theirs) => {
      taken = true;
      return theirs;
    });
    await vi.waitFor(() => expect(first.lost).toBe(1));
    void claim!.release();
    await vi.advanceTimersByTimeAsync(500);
    expect(taken).toBe(false);
    written();
    expect((await taking)!.lastTimestamp).toEqual(AT_1001);
  });

  it('a taker does not wait longer than a second for a page that is frozen', async () => {
    await first.claim();
    const taking = second.claim(true);
    await vi.advanceTimersByTimeAsync(999);
    let taken = false;
    void taking.then(() => {
      taken = true;
    });
    await vi.advanceTimersByTimeAsync(0);
    expect(taken).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(await taking).toBeDefined();
  });

  it('of two takers at once the later one has it in the end, and nobody has it twice', async () => {
    const third = new Page(locks, storage);
    const claim = await first.claim();
    const [two, three] = [second.claim(true), third.claim(true)];
    await vi.waitFor(() => expect(first.lost).toBe(1));
    await claim!.release();
    await vi.advanceTimersByTimeAsync(3000);
    expect([await two, await three].filter(Boolean)).toHaveLength(1 + second.lost);
    expect(await three).toBeDefined();
    expect([first.lost, third.lost]).toEqual([1, 0]);
  });
});

describe('the last timestamp', () => {
  it('is unknown at first, and afterwards one second later than what was saved', async () => {
    const claim = await first.claim();
    expect(claim!.lastTimestamp).toBeUndefined();
    claim!.saveTimestamp(AT_1000);
    await claim!.release();
    expect((await second.claim())!.lastTimestamp).toEqual(AT_1001);
    expect(storage.pruned).toBe(2);
  });

  it('is on its way when saveTimestamp returns: a page that dies then has not lost it', async () => {
    const claim = await first.claim();
    claim!.saveTimestamp(AT_1000);
    expect(storage.begun).toEqual([AT_1000]);
  });

  it('is written once while the storage is busy, and then the newest', async () => {
    const claim = await first.claim();
    let written = () => {};
    storage.hang = new Promise((resolve) => {
      written = resolve;
    });
    for (const timestamp of [AT_1000, AT_1001, AT_1002]) claim!.saveTimestamp(timestamp);
    written();
    await claim!.release();
    expect(storage.begun).toEqual([AT_1000, AT_1002]);
    expect(storage.records.get(KEY)).toEqual(AT_1002);
  });

  it('whose storage does not open is done without, with one warning', async () => {
    storage.failure = new Error('private mode');
    const claim = await first.claim();
    expect(claim!.lastTimestamp).toBeUndefined();
    claim!.saveTimestamp(AT_1000);
    await claim!.release();
    expect(first.warnings).toEqual([expect.stringContaining('IndexedDB')]);
    expect(await second.claim()).toBeDefined();
  });

  it('whose storage never answers costs a second, not the tunnel', async () => {
    const page = new Page(locks, storage);
    storage.open = () => new Promise(() => {});
    const claiming = page.claim();
    await vi.advanceTimersByTimeAsync(1000);
    expect(await claiming).toBeDefined();
    expect(page.warnings).toHaveLength(1);
  });

  it('whose storage fails later warns once, and the key is free in the end', async () => {
    const claim = await first.claim();
    storage.failure = new Error('quota');
    claim!.saveTimestamp(AT_1000);
    await vi.advanceTimersByTimeAsync(0);
    claim!.saveTimestamp(AT_1001);
    await claim!.release();
    expect(first.warnings).toHaveLength(1);
    storage.failure = undefined;
    expect(await second.claim()).toBeDefined();
  });

  it('whose storage hangs holds the release up for a second at most', async () => {
    const claim = await first.claim();
    storage.hang = new Promise(() => {});
    claim!.saveTimestamp(AT_1000);
    const releasing = claim!.release();
    await vi.advanceTimersByTimeAsync(1000);
    await releasing;
    expect(await second.claim()).toBeDefined();
  });
});

describe('without Web Locks', () => {
  it('every page gets the key, and is warned', async () => {
    first = new Page(undefined, storage);
    second = new Page(undefined, storage);
    expect(await first.claim()).toBeDefined();
    expect(await second.claim()).toBeDefined();
    expect(first.warnings).toEqual([expect.stringContaining('Web Locks')]);
    expect(second.warnings).toHaveLength(1);
  });

  it('within one page the key is still one engine’s, and timestamps are kept', async () => {
    first = new Page(undefined, storage);
    const claim = await first.claim();
    expect(await first.claim()).toBeUndefined();
    claim!.saveTimestamp(AT_1000);
    await claim!.release();
    expect((await first.claim())!.lastTimestamp).toEqual(AT_1001);
  });

  it('locks that are refused as a whole are the same as none', async () => {
    const page = new Page(
      {
        request: () => Promise.reject(new DOMException('Not here.', 'SecurityError')),
      } as unknown as FakeLocks,
      storage,
    );
    expect(await page.claim()).toBeDefined();
    expect(page.warnings).toHaveLength(1);
  });
});
