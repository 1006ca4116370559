import { connect, editor, enrol, expect, region, status, test } from '../support/console-test.ts';
import { keepAs, stored } from '../support/tunnel-store.ts';

test('the engine keeps its last timestamp although tunnels are kept in the same browser', async ({
  console: page,
}) => {
  const { config, keys } = await enrol(page);
  await editor(page).fill(config);
  await connect(page).click();
  await expect(status(page)).toContainText('Connected');
  await status(page).getByText('Log', { exact: true }).click();
  const log = region(page, 'Log');
  await expect(log).toContainText('Received handshake response');
  await expect(log).not.toContainText('IndexedDB');
  const known = () =>
    page.evaluate(async () => {
      const resultOf = <T>(request: IDBRequest<T>) =>
        new Promise<T>((resolve, reject) => {
          request.onsuccess = () => resolve(request.result);
          request.onerror = () => reject(request.error);
        });
      const database = await resultOf(indexedDB.open('tabwire-timestamps'));
      const keys = await resultOf(database.transaction('timestamps').objectStore('timestamps').getAllKeys());
      database.close();
      return keys;
    });
  expect(await known()).toEqual([keys.publicKey]);
});

test('tunnels are renamed and deleted, and one kept in the tab is gone with it', async ({
  console: page,
}) => {
  await editor(page).fill((await enrol(page)).config);
  await keepAs(page, 'First');
  await page.getByRole('button', { name: 'Keep in this tab' }).click();
  const tunnels = region(page, 'Tunnels');
  await expect(tunnels).toContainText('this tab only');
  await page.getByLabel('Name', { exact: true }).fill('Second');
  await page.getByRole('button', { name: 'Save in this browser' }).click();
  await expect(tunnels.getByRole('listitem')).toHaveCount(2);
  await tunnels.getByRole('button', { name: 'Rename Second' }).click();
  await tunnels.getByLabel('New name').fill('First');
  await tunnels.getByLabel('New name').press('Enter');
  await expect(tunnels.getByRole('alert')).toContainText('another “First”');
  await tunnels.getByLabel('New name').fill('Third');
  await tunnels.getByLabel('New name').press('Enter');
  await expect(tunnels.getByRole('status')).toContainText('“Third”');
  await page.reload();
  await expect(tunnels.getByRole('listitem')).toHaveText(/Third/);
  await tunnels.getByRole('button', { name: 'Delete Third' }).click();
  await tunnels.getByRole('button', { name: 'Delete “Third”' }).click();
  await expect(tunnels).toHaveCount(0);
  expect((await stored(page)).kinds).toEqual([]);
});

test('a browser without such keys keeps a tunnel under a passphrase', async ({ console: page }) => {
  await page.addInitScript(() => {
    const { importKey } = SubtleCrypto.prototype;
    SubtleCrypto.prototype.importKey = function (this: SubtleCrypto, ...given: unknown[]) {
      const { name } = given[2] as { name?: string };
      if (name === 'X25519') return Promise.reject(new DOMException('no X25519', 'NotSupportedError'));
      return Reflect.apply(importKey, this, given) as Promise<CryptoKey>;
    } as typeof importKey;
  });
  await page.reload();
  const { config, keys } = await enrol(page);
  await editor(page).fill(config);
  await keepAs(page, 'Office');
  await page.getByRole('button', { name: 'Save in this browser' }).click();
  await expect(region(page, 'Configuration').getByRole('alert')).toContainText('choose a passphrase');
  await page.getByLabel('Passphrase').fill('correct horse');
  await page.getByRole('button', { name: 'Save in this browser' }).click();
  const tunnels = region(page, 'Tunnels');
  await expect(tunnels).toContainText('saved, with a passphrase');
  const { kinds, text } = await stored(page);
  expect(kinds).toEqual(['sealed']);
  expect(text).not.toContain(keys.privateKey);
  expect(text).not.toContain('Endpoint');
  await page.reload();
  await tunnels.getByRole('button', { name: 'Open Office' }).click();
  await tunnels.getByLabel('Passphrase').fill('wrong horse');
  await tunnels.getByRole('button', { name: 'Unlock' }).click();
  await expect(tunnels.getByRole('alert')).toContainText('does not open');
  await tunnels.getByLabel('Passphrase').fill('correct horse');
  await tunnels.getByRole('button', { name: 'Unlock' }).click();
  await expect(editor(page)).toHaveValue(config);
  await expect(status(page)).toContainText('Not connected');
  await connect(page).click();
  await expect(status(page)).toContainText('Connected');

  await page.reload();
  await tunnels.getByLabel('Passphrase').fill('wrong horse');
  await page.keyboard.press('Enter');
  await expect(tunnels.getByRole('alert')).toContainText('does not open');
  await tunnels.getByLabel('Passphrase').fill('correct horse');
  await tunnels.getByRole('button', { name: 'Unlock and connect' }).click();
  await expect(status(page)).toContainText('Connected');
  await page.getByRole('button', { name: 'Disconnect' }).click();
  await expect(status(page)).toContainText('Not connected');
  await page.reload();
  await expect(tunnels.getByRole('listitem')).toHaveText(/Office/);
  await expect(tunnels.getByLabel('Passphrase'), 'nothing was connected').toHaveCount(0);
});
