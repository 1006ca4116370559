// A script that got into the page, and all that it can look at.
import type { Page } from '@playwright/test';

declare global {
  interface Window {
    /** Everything that was posted to a worker or a port, or came from one. */
    overheard: unknown[];
  }
}

/** What a script finds. */
export interface Loot {
  /** All text, and all bytes as hexadecimal. */
  text: string;
  /** How many objects it looked into. */
  objects: number;
  /** CryptoKeys, and the formats in which any of them could be exported. */
  keys: number;
  exported: string[];
}

/** Runs before the page: hears every message, as an injected script would. */
export function eavesdrop(): void {
  window.overheard = [];
  for (const prototype of [Worker.prototype, MessagePort.prototype]) {
    const { postMessage } = prototype;
    prototype.postMessage = function (this: Worker, message: unknown, ...rest: []) {
      window.overheard.push(message);
      Reflect.apply(postMessage, this, [message, ...rest]);
    };
    const { addEventListener } = prototype as EventTarget;
    prototype.addEventListener = function (
      this: EventTarget,
      type: string,
      listener: EventListener,
      ...rest: []
    ) {
      if (type === 'message')
        addEventListener.call(this, type, (event) => window.overheard.push((event as MessageEvent).data));
      Reflect.apply(addEventListener, this, [type, listener, ...rest]);
    } as typeof prototype.addEventListener;
    // Who sets a handler in place of listening is heard, too.
    const handler = Object.getOwnPropertyDescriptor(prototype, 'onmessage')!;
    Object.defineProperty(prototype, 'onmessage', {
      ...handler,
      set(this: EventTarget, listener: unknown) {
        addEventListener.call(this, 'message', (event) =>
          window.overheard.push((event as MessageEvent).data),
        );
        handler.set!.call(this, listener);
      },
    });
  }
}

/**
 * Everything that hangs on the window and on the document's nodes (where frameworks keep what they draw from), what
 * promises hold, storage, caches, databases and what was overheard.
 */
export function loot(page: Page): Promise<Loot> {
  return page.evaluate(async () => {
    const found = new Set<string>([document.documentElement.outerHTML, location.href, document.cookie]);
    const keys = new Set<CryptoKey>();
    const seen = new Set<unknown>([found, keys]);
    const waiting: unknown[] = [];

    const add = (value: unknown): void => {
      if (typeof value === 'string') found.add(value);
      if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value))
        return;
      seen.add(value);
      waiting.push(value);
    };
    const addBytes = (bytes: Uint8Array): void => {
      found.add(Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(''));
    };
    const bytesOf = (value: ArrayBuffer | ArrayBufferView): Uint8Array => {
      try {
        if (!ArrayBuffer.isView(value)) return new Uint8Array(value);
        return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
      } catch {
        // Given away to a worker.
        return new Uint8Array(0);
      }
    };
    /** Own properties, and what getters of its classes answer. Of nodes own ones: the rest is in the document. */
    const open = (value: object): void => {
      if (value instanceof Map) for (const entry of value) entry.forEach(add);
      if (value instanceof Set && value !== seen) for (const item of value) add(item);
      for (let at: object | null = value; at && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
        for (const name of Reflect.ownKeys(at)) {
          try {
            add(Reflect.get(at, name, value));
          } catch {
            // Not for scripts, or not of this object.
          }
        }
        if (value instanceof Node || typeof value === 'function') break;
      }
    };
    /** What it holds already; nothing if it does not, or failed. */
    const nowOf = (promise: Promise<unknown>): Promise<unknown> =>
      Promise.race([promise.catch(() => undefined), Promise.resolve().then().then().then()]);
    const drain = async (): Promise<void> => {
      for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
        if (value instanceof CryptoKey) keys.add(value);
        else if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) addBytes(bytesOf(value));
        else if (value instanceof Promise) add(await nowOf(value));
        else open(value as object);
      }
    };

    for (const input of document.querySelectorAll('input, textarea'))
      found.add((input as HTMLInputElement).value);
    for (const node of document.querySelectorAll('*')) add(node);
    for (const root of [window, { ...localStorage }, { ...sessionStorage }, history.state]) add(root);
    await drain();
    for (const name of await caches.keys()) {
      const cache = await caches.open(name);
      for (const request of await cache.keys()) {
        found.add(request.url);
        if (!/\.(wasm|js|css)$/.test(request.url)) found.add(await (await cache.match(request))!.text());
      }
    }
    for (const { name } of await indexedDB.databases()) {
      const database = await new Promise<IDBDatabase>((resolve) => {
        const request = indexedDB.open(name!);
        request.onsuccess = () => resolve(request.result);
      });
      for (const store of database.objectStoreNames) {
        const all = await new Promise<unknown>((resolve) => {
          const request = database.transaction(store).objectStore(store).getAll();
          request.onsuccess = () => resolve(request.result);
        });
        add(all);
        await drain();
      }
      database.close();
    }
    const exported: string[] = [];
    for (const key of keys)
      for (const format of ['raw', 'pkcs8', 'jwk'] as const)
        await crypto.subtle.exportKey(format, key).then(
          () => exported.push(format),
          () => undefined,
        );
    return { text: [...found].join('\n'), objects: seen.size, keys: keys.size, exported };
  });
}
