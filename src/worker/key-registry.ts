// Keys among all pages of one origin. A Web Lock says whose a key is, and IndexedDB how far its timestamps have come;
// both outlive a page that is closed, reloaded or killed.
import type { Millis } from '../core/time.ts';
import {
  type KeyClaim,
  type KeyHolder,
  type KeyRegistry,
  ProcessKeyRegistry,
} from '../service/key-registry.ts';
import { TimestampStore } from './timestamp-store.ts';

/**
 * No tunnel waits longer for the browser's storage, for the last words of a page whose key it takes, or for a key whose
 * page is just being closed. A page in the back/forward cache is thrown out of it by our waiting.
 */
const PATIENCE: Millis = 1000;

const NO_LOCKS =
  'This browser has no Web Locks here (the page must come over HTTPS): a second tab with the same private key would not be noticed.';
const NO_STORAGE =
  "The browser's storage (IndexedDB) does not work here, so the last handshake timestamp is not kept. If the clock is set back, a reloaded page may find no answer until the clock has caught up.";

/** The browser's two facilities, which tests replace. */
export interface BrowserFacilities {
  /** Absent in insecure contexts. */
  readonly locks: Locks | undefined;
  openTimestamps(): Promise<Pick<TimestampStore, 'read' | 'write' | 'prune' | 'close'>>;
}

type Locks = Pick<LockManager, 'request'>;
/** Resolves when the lock is free for others. */
type Unlock = () => Promise<void>;
type Timestamps = Awaited<ReturnType<BrowserFacilities['openTimestamps']>>;

export class BrowserKeyRegistry implements KeyRegistry {
  readonly scope = 'in this browser';
  readonly #browser: BrowserFacilities;
  /** For a browser without locks: then two tabs cannot see each other. */
  readonly #alone = new ProcessKeyRegistry();

  constructor(
    browser: BrowserFacilities = {
      // Typed as always there; it is not.
      locks: navigator.locks as LockManager | undefined,
      openTimestamps: () => TimestampStore.open(),
    },
  ) {
    this.#browser = browser;
  }

  async claim(publicKey: string, takeOver: boolean, holder: KeyHolder): Promise<KeyClaim | undefined> {
    const unlock = await this.#lock(publicKey, takeOver, holder);
    if (!unlock) return undefined;
    let isWarned = false;
    const memory = await openMemory(this.#browser, publicKey, () => {
      if (!isWarned) holder.warn(NO_STORAGE);
      isWarned = true;
    });
    return {
      lastTimestamp: memory.lastTimestamp,
      saveTimestamp: (timestamp) => memory.save(timestamp),
      release: async () => {
        await within(PATIENCE, memory.close()).catch(() => {});
        await unlock();
      },
    };
  }

  /** Returns how to unlock; undefined when the key is another's. */
  async #lock(publicKey: string, takeOver: boolean, holder: KeyHolder): Promise<Unlock | undefined> {
    const { locks } = this.#browser;
    try {
      if (locks) return await lockKey(locks, publicKey, takeOver, holder);
    } catch {
      // Refused as a whole: a sandboxed frame, or storage that the user has switched off.
    }
    holder.warn(NO_LOCKS);
    const claim = await this.#alone.claim(publicKey, takeOver, holder);
    return claim && (() => claim.release());
  }
}

/**
 * Two locks. The first says whose the key is, and can be stolen; who is robbed learns of it a moment later. The second
 * is held until the last word is written down, so that who comes next waits for that: then its timestamps are
 * greater for certain. A page that is frozen writes nothing, so after a while nobody waits for it.
 */
async function lockKey(
  locks: Locks,
  publicKey: string,
  takeOver: boolean,
  holder: KeyHolder,
): Promise<Unlock | undefined> {
  const name = `tabwire key ${publicKey}`;
  let isClaimed = false;
  let isLost = false;
  const lost = () => {
    isLost = true;
    if (isClaimed) holder.lost();
  };
  const unlock = takeOver ? await steal(locks, name, lost) : await waitFor(locks, name, lost);
  if (!unlock) return undefined;
  const lastWord = `${name} last word`;
  const letNextIn = (await waitFor(locks, lastWord)) ?? (await steal(locks, lastWord));
  const release = async () => {
    await Promise.all([unlock(), letNextIn()]);
  };
  if (isLost) {
    await release();
    return undefined;
  }
  isClaimed = true;
  return release;
}

/** Undefined when it is another's and stays so for a while. */
async function waitFor(locks: Locks, name: string, lost?: () => void): Promise<Unlock | undefined> {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), PATIENCE);
  try {
    return await hold(locks, name, { signal: patience.signal }, lost);
  } catch (error) {
    if (patience.signal.aborted) return undefined;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function steal(locks: Locks, name: string, lost?: () => void): Promise<Unlock> {
  return hold(locks, name, { steal: true }, lost);
}

/** Holds a lock until the returned function is called. `lost`: it was stolen. */
function hold(
  locks: Locks,
  name: string,
  options: LockOptions,
  lost: () => void = () => {},
): Promise<Unlock> {
  return new Promise((resolve, reject) => {
    let isHeld = false;
    const keep = () => {
      isHeld = true;
      return new Promise<void>((letGo) => {
        resolve(() => {
          letGo();
          return released;
        });
      });
    };
    const released = locks.request(name, options, keep).then(
      () => {},
      (error: unknown) => {
        if (isHeld) lost();
        else reject(error);
      },
    );
  });
}

/** What is kept of one key. */
interface Memory {
  readonly lastTimestamp: Uint8Array | undefined;
  save(timestamp: Uint8Array): void;
  /** Resolves when all is written. */
  close(): Promise<void>;
}

async function openMemory(
  browser: BrowserFacilities,
  publicKey: string,
  failed: () => void,
): Promise<Memory> {
  try {
    const opening = browser.openTimestamps();
    const store = await within(PATIENCE, opening);
    const last = await within(PATIENCE, store.read(publicKey));
    store.prune(publicKey).catch(failed);
    return new StoredMemory(store, publicKey, last && oneSecondLater(last), failed);
  } catch {
    failed();
    return { lastTimestamp: undefined, save: () => {}, close: async () => {} };
  }
}

/** Writes as often as the storage keeps up with; what comes faster is overtaken by what comes after it. */
class StoredMemory implements Memory {
  readonly lastTimestamp: Uint8Array | undefined;
  readonly #store: Timestamps;
  readonly #publicKey: string;
  readonly #failed: () => void;
  #next: Uint8Array | undefined;
  #writing: Promise<void> | undefined;

  constructor(store: Timestamps, publicKey: string, last: Uint8Array | undefined, failed: () => void) {
    this.#store = store;
    this.#publicKey = publicKey;
    this.lastTimestamp = last;
    this.#failed = failed;
  }

  save(timestamp: Uint8Array): void {
    this.#next = timestamp;
    this.#writing ??= this.#write();
  }

  async close(): Promise<void> {
    await this.#writing;
    this.#store.close();
  }

  async #write(): Promise<void> {
    while (this.#next) {
      const timestamp = this.#next;
      this.#next = undefined;
      try {
        await this.#store.write(this.#publicKey, timestamp);
      } catch {
        this.#failed();
      }
    }
    this.#writing = undefined;
  }
}

/**
 * A page that is killed right after an initiation may not have brought its timestamp to the disk. A second covers sixty
 * such, and costs nothing: only the order of timestamps matters.
 */
function oneSecondLater(timestamp: Uint8Array): Uint8Array {
  const later = timestamp.slice();
  const view = new DataView(later.buffer);
  view.setBigUint64(0, view.getBigUint64(0) + 1n);
  return later;
}

/** Rejects when it takes longer. */
function within<T>(time: Millis, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${time} ms went by.`)), time);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
