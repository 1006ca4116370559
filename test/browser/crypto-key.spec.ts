// A private key that the page itself cannot read: made in it, or brought to it once, and kept in IndexedDB.
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { expect, test } from '../support/browser-test.ts';
import { Child } from '../support/child-process.ts';
import { RelayProcess } from '../support/relay-process.ts';

/** What the page posted to its worker, as far as it can be told: see `watchMessages`. */
interface Posted {
  /** Every text in a message, and every byte string as base64. */
  texts: string[];
  cryptoKeys: number;
}

declare global {
  interface Window {
    posted: Posted;
    /** Puts a key into IndexedDB, or takes it out again. */
    keyStore: (key?: CryptoKey) => Promise<CryptoKey>;
  }
}

/** Looks into each message to a worker before it is sent, at any depth. */
async function watchMessages(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const posted: Posted = { texts: [], cryptoKeys: 0 };
    window.posted = posted;
    const look = (value: unknown): void => {
      if (typeof value === 'string') posted.texts.push(value);
      else if (value instanceof CryptoKey) posted.cryptoKeys++;
      else if (value instanceof ArrayBuffer) look(new Uint8Array(value));
      else if (value instanceof Uint8Array) posted.texts.push(btoa(String.fromCharCode(...value)));
      else if (typeof value === 'object' && value !== null)
        for (const each of Object.values(value)) look(each);
    };
    for (const prototype of [Worker.prototype, MessagePort.prototype] as { postMessage: unknown }[]) {
      const original = prototype.postMessage as (...args: unknown[]) => void;
      prototype.postMessage = function (this: unknown, ...args: unknown[]) {
        look(args);
        original.apply(this, args);
      };
    }
  });
}

async function addKeyStore(page: Page): Promise<void> {
  await page.addInitScript(() => {
    window.keyStore = async (key) => {
      const database = await new Promise<IDBDatabase>((resolve, reject) => {
        const opening = indexedDB.open('keys', 1);
        opening.onupgradeneeded = () => opening.result.createObjectStore('keys');
        opening.onsuccess = () => resolve(opening.result);
        opening.onerror = () => reject(opening.error!);
      });
      return new Promise((resolve, reject) => {
        const transaction = database.transaction('keys', 'readwrite');
        const keys = transaction.objectStore('keys');
        const request = key ? keys.put(key, 'tunnel') : keys.get('tunnel');
        transaction.oncomplete = () => resolve(key ?? (request.result as unknown as CryptoKey));
        transaction.onerror = () => reject(transaction.error!);
        database.close();
      });
    };
  });
}

test('a key pair is made in the page, kept in IndexedDB, and opens a tunnel after a reload', async ({
  page,
  demo,
}) => {
  await addKeyStore(page);
  await page.reload();
  const publicKey = await page.evaluate(async () => {
    const { privateKey, publicKey } = await window.tabwire.generateKeyPair({ extractable: false });
    await window.keyStore(privateKey);
    return publicKey;
  });
  // The demo lets in whom it was told of: another one, then, for this key.
  const script = join(import.meta.dirname, '../support/demo-child.ts');
  const peer = new Child(process.execPath, ['--import', 'tsx', script, publicKey]);
  let relay: RelayProcess | undefined;
  try {
    const { endpoint, config, site } = JSON.parse((await peer.saw(/^{.*}$/m))[0]);
    relay = await RelayProcess.start({ allow: [endpoint], origins: [demo.site.origin] });
    await page.reload();
    await expect(page).toHaveTitle('ready');
    const seen = await page.evaluate(
      async ([config, relay, host]) => {
        const privateKey = await window.keyStore();
        const tunnel = await window.tabwire.Tunnel.open(config, { relay, privateKey });
        await tunnel.ready;
        const replies = await window.page.pings(tunnel, host, { count: 3, interval: 20 });
        const status = await tunnel.status();
        await tunnel.close();
        return {
          ok: replies.map(({ ok }) => ok),
          publicKey: status.publicKey,
          derived: await window.tabwire.derivePublicKey(privateKey),
          extractable: privateKey.extractable,
          exported: await Promise.all(
            (['pkcs8', 'jwk', 'raw'] as const).map((format) =>
              window.page.failure(crypto.subtle.exportKey(format as 'jwk', privateKey)),
            ),
          ),
        };
      },
      [config as string, relay.url, site.ipv4 as string] as const,
    );
    expect(seen).toMatchObject({
      ok: [true, true, true],
      publicKey,
      derived: publicKey,
      extractable: false,
      exported: [{ name: 'InvalidAccessError' }, { name: 'InvalidAccessError' }, {}],
    });
  } finally {
    await relay?.stop();
    await peer.stop();
  }
});

test('no message to the worker says an imported key; of a key in text, its bytes are moved', async ({
  page,
  demo,
}) => {
  await watchMessages(page);
  await addKeyStore(page);
  const { privateKey } = demo.keys;
  const open = (given: 'imported' | 'text') =>
    page.evaluate(
      async ([config, relay, host, given]) => {
        const key = given === 'imported' ? await window.keyStore() : undefined;
        const tunnel = await window.tabwire.Tunnel.open(config, { relay, ...(key && { privateKey: key }) });
        await tunnel.ready;
        const [reply] = await window.page.pings(tunnel, host, { count: 1 });
        await tunnel.close();
        return { ok: reply!.ok, ...window.posted };
      },
      [
        given === 'text' ? demo.config : demo.config.replace(/^PrivateKey.*\n/m, ''),
        demo.relay.url,
        demo.peer4,
        given,
      ] as const,
    );

  await page.reload();
  await page.evaluate(async (text) => {
    await window.keyStore(await window.tabwire.importPrivateKey(text));
  }, privateKey);
  await page.reload();
  const imported = await open('imported');
  expect(imported).toMatchObject({ ok: true, cryptoKeys: 1 });
  expect(imported.texts.join('\n')).not.toContain(privateKey);

  // The same eyes see a key where there is one: in the message, and in the list of what is moved and not copied.
  await page.reload();
  const text = await open('text');
  expect(text).toMatchObject({ ok: true, cryptoKeys: 0 });
  expect(text.texts.filter((said) => said === privateKey)).toHaveLength(2);
});

test('another kind of CryptoKey is refused before there is a worker', async ({ page, demo }) => {
  const failures = await page.evaluate(
    async ([config, relay]) => {
      const make = (algorithm: object, ...usages: KeyUsage[]) =>
        crypto.subtle.generateKey(algorithm as EcKeyGenParams, false, usages) as Promise<CryptoKeyPair>;
      const keys = [
        (await make({ name: 'X25519' }, 'deriveBits')).publicKey,
        (await make({ name: 'X25519' }, 'deriveKey')).privateKey,
        (await make({ name: 'Ed25519' }, 'sign')).privateKey,
        (await make({ name: 'ECDH', namedCurve: 'P-256' }, 'deriveBits')).privateKey,
      ];
      return Promise.all(
        keys.map((privateKey) =>
          window.page.failure(window.tabwire.Tunnel.open(config, { relay, privateKey })),
        ),
      );
    },
    [demo.config, demo.relay.url] as const,
  );
  expect(failures).toMatchObject([
    { code: 'ERR_CONFIG', message: expect.stringContaining('type "public"') },
    { code: 'ERR_CONFIG', message: expect.stringContaining('usage "deriveBits"') },
    { code: 'ERR_CONFIG', message: expect.stringContaining('for Ed25519') },
    { code: 'ERR_CONFIG', message: expect.stringContaining('for ECDH') },
  ]);
  expect(page.workers()).toHaveLength(0);
});
