// What is found in the browser's storage in place of a key's last timestamp: anything at all. It is a timestamp or it is
// nothing; the next one sent is greater in either case; and of too many records the oldest go, never one's own.
import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { isLaterTimestamp, TimestampClock, timestampOf } from '../../../src/core/wireguard/tai64n.ts';
import { TimestampStore } from '../../../src/worker/timestamp-store.ts';
import { SeededRandom } from '../../support/random.ts';

export const name = 'timestamp-record';

const MOST_RECORDS = 64;
const NOW = Date.UTC(2027, 0, 1);

export async function run(seed: number): Promise<void> {
  const random = new SeededRandom(seed);
  const records = new Map<string, unknown>();
  for (let n = random.below(random.below(2) === 0 ? 10 : 100); n > 0; n--)
    records.set(keyName(random), makeValue(random));
  const store = await openOver(records);
  const key = keyName(random);
  if (random.below(3) > 0) records.set(key, makeValue(random));

  const read = await store.read(key);
  deepStrictEqual(read, isTimestamp(records.get(key)) ? records.get(key) : undefined);
  const clock = new TimestampClock(() => NOW + random.below(1e9), read);
  const kept = clock.last;
  const next = clock.next();
  if (kept) ok(isLaterTimestamp(next, kept) && read);
  await store.write(key, next);
  next[0] = 0;
  deepStrictEqual(await store.read(key), clock.last, 'a copy');

  const before = new Map(records);
  await store.prune(key);
  strictEqual(records.size, Math.min(before.size, MOST_RECORDS));
  ok(records.has(key));
  const order = (one: unknown) => (isTimestamp(one) ? Buffer.from(one).toString('hex') : '');
  const others = [...records].filter(([other]) => other !== key).map(([, value]) => order(value));
  const gone = [...before].filter(([other]) => !records.has(other)).map(([, value]) => order(value));
  for (const one of gone)
    ok(
      others.every((other) => other >= one),
      'older than all that stay',
    );
  store.close();
}

function isTimestamp(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.length === 12;
}

function keyName(random: SeededRandom): string {
  return random.below(10) === 0 ? '__proto__' : String(random.below(200));
}

function makeValue(random: SeededRandom): unknown {
  const bytes = random.bytes(random.below(20));
  const values = [
    ...[undefined, null, '', 'AAAA', 12, Number.NaN, true, [], [1, 2, 3], {}, { length: 12 }, new Date(0)],
    ...[bytes, bytes.buffer, new Uint8ClampedArray(12), new Uint16Array(12), new DataView(bytes.buffer)],
    ...[random.bytes(12), new Uint8Array(12), new Uint8Array(12).fill(255), random.bytes(40).subarray(3, 15)],
    ...Array.from({ length: 20 }, () => timestampOf(1.7e9 + random.below(3e8), random.below(1e9))),
  ];
  return values[random.below(values.length)];
}

// ---- As much of IndexedDB as is used, over a Map

async function openOver(records: Map<string, unknown>): Promise<TimestampStore> {
  const answer = <T>(result: T) => {
    const request = { result, onsuccess: () => {}, onerror: () => {} };
    queueMicrotask(() => request.onsuccess());
    return request;
  };
  const objectStore = {
    get: (key: string) => answer(records.get(key)),
    put: (value: unknown, key: string) => void records.set(key, structuredClone(value)),
    delete: (key: string) => void records.delete(key),
    getAllKeys: () => answer([...records.keys()]),
    getAll: () => answer([...records.values()]),
  };
  const transaction = () => {
    const made = { objectStore: () => objectStore, oncomplete: () => {}, commit: () => {} };
    made.commit = () => queueMicrotask(() => made.oncomplete());
    return made;
  };
  const database = { transaction, close: () => {} };
  Object.assign(globalThis, { indexedDB: { open: () => answer(database) } });
  try {
    return await TimestampStore.open();
  } finally {
    Reflect.deleteProperty(globalThis, 'indexedDB');
  }
}
