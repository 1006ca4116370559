import type { Page } from '@playwright/test';

/** Fills in the form that keeps a tunnel. */
export async function keepAs(page: Page, name: string): Promise<void> {
  await page.getByText('Keep this tunnel').click();
  await page.getByLabel('Name', { exact: true }).fill(name);
}

/** All that this origin's store holds, and what text is anywhere in it. */
export function stored(page: Page) {
  return page.evaluate(async () => {
    const database = await new Promise<IDBDatabase>((resolve) => {
      const request = indexedDB.open('tabwire');
      request.onsuccess = () => resolve(request.result);
    });
    const records = await new Promise<{ secret: { kind: string; privateKey?: CryptoKey } }[]>((resolve) => {
      const request = database.transaction('tunnels').objectStore('tunnels').getAll();
      request.onsuccess = () => resolve(request.result as never);
    });
    database.close();
    return {
      kinds: records.map(({ secret }) => secret.kind),
      readable: records.map(({ secret }) => secret.privateKey?.extractable),
      text: JSON.stringify([records, { ...localStorage }]),
    };
  });
}
