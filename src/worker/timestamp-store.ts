// The last timestamp of each key, in IndexedDB: what a later page with the same key must exceed. Nothing else of a
// tunnel is ever stored: a restored session would repeat its nonces.

/** Ours alone: the console, say, has databases of its own in the same origin. */
const DATABASE = 'tabwire-timestamps';
const STORE = 'timestamps';
/** So many keys are remembered; the one whose timestamp is the oldest makes room. */
const MAX_RECORDS = 64;
const TIMESTAMP_SIZE = 12;

/** Every method may reject, with whatever the browser says. */
export class TimestampStore {
  readonly #database: IDBDatabase;

  private constructor(database: IDBDatabase) {
    this.#database = database;
    // Whoever deletes the site's data shall not wait for us.
    database.onversionchange = () => database.close();
  }

  static async open(): Promise<TimestampStore> {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    return new TimestampStore(await resultOf(request));
  }

  /** 12 bytes; undefined when there is none, or something else in its place. */
  async read(publicKey: string): Promise<Uint8Array | undefined> {
    const store = this.#database.transaction(STORE).objectStore(STORE);
    return timestampIn(await resultOf(store.get(publicKey)));
  }

  /** All of it is handed to the browser before this returns: it is carried out even if this page ends now. */
  write(publicKey: string, timestamp: Uint8Array): Promise<void> {
    const transaction = this.#database.transaction(STORE, 'readwrite');
    transaction.objectStore(STORE).put(timestamp.slice(), publicKey);
    transaction.commit();
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error ?? new Error('The transaction was aborted.'));
    });
  }

  /** Forgets what is too much, but never this key. */
  async prune(publicKey: string): Promise<void> {
    const store = this.#database.transaction(STORE, 'readwrite').objectStore(STORE);
    const [keys, values] = await Promise.all([
      resultOf(store.getAllKeys()),
      resultOf<unknown[]>(store.getAll()),
    ]);
    const surplus = keys.length - MAX_RECORDS;
    if (surplus <= 0) return;
    const oldestFirst = keys
      .map((key, i) => ({ key, order: orderOf(values[i]) }))
      .filter(({ key }) => key !== publicKey)
      .sort((a, b) => (a.order < b.order ? -1 : 1));
    for (const { key } of oldestFirst.slice(0, surplus)) store.delete(key);
  }

  close(): void {
    this.#database.close();
  }
}

function timestampIn(value: unknown): Uint8Array | undefined {
  return value instanceof Uint8Array && value.length === TIMESTAMP_SIZE ? value : undefined;
}

/** Hexadecimal, which sorts as timestamps do; what is none comes first. */
function orderOf(value: unknown): string {
  const bytes = timestampIn(value) ?? new Uint8Array(0);
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function resultOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('The request failed.'));
  });
}
