import type { Page } from '@playwright/test';
import { test as base, expect } from './browser-test.ts';
import { DemoCommand } from './demo-command.ts';
import { generateKeys } from './keys.ts';

export { expect };

/** The built console as `npm start` serves it, opened; the page must not complain about anything, and ask nobody else. */
export const test = base.extend<{ console: Page; expected: RegExp }, { command: DemoCommand }>({
  /** Complaints that a test provokes. A refused WebSocket is the browser's to report; nothing else may be. */
  expected: [/WebSocket/, { option: true }],
  command: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names it needs from this pattern
    async ({}, use) => {
      const command = await DemoCommand.start();
      await use(command);
      await command.stop();
    },
    { scope: 'worker' },
  ],
  console: async ({ page, command, expected }, use, testInfo) => {
    const complaints: string[] = [];
    const foreign: string[] = [];
    page.context().on('request', (request) => {
      const { protocol, hostname } = new URL(request.url());
      // Relays that tests start have ports of their own; all else is the page's.
      if (!/^(data|blob|about):$/.test(protocol) && hostname !== '127.0.0.1') foreign.push(request.url());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    await page.goto(command.url);
    await use(page);
    if (testInfo.status !== testInfo.expectedStatus)
      await testInfo.attach('demo.log', { body: command.output });
    expect(complaints.filter((text) => !expected.test(text))).toEqual([]);
    expect(foreign, 'requests to anybody else').toEqual([]);
  },
});

export const editor = (page: Page) => page.getByRole('textbox', { name: 'WireGuard configuration' });
export const status = (page: Page) => page.getByRole('region', { name: 'Status' });
export const connect = (page: Page) => page.getByRole('button', { name: 'Connect', exact: true });

/** A configuration for the running demo, as a user would have one. */
export async function enrol(page: Page): Promise<{ config: string; keys: ReturnType<typeof generateKeys> }> {
  const keys = generateKeys();
  const config = await page.evaluate(async (publicKey) => {
    const response = await fetch('/demo/enrol', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-tabwire': '1' },
      body: JSON.stringify({ publicKey }),
    });
    return ((await response.json()) as { config: string }).config;
  }, keys.publicKey);
  return { config: config.replace('[Interface]\n', `[Interface]\nPrivateKey = ${keys.privateKey}\n`), keys };
}

/** A region of the page by its name. */
export const region = (page: Page, name: string) => page.getByRole('region', { name, exact: true });

/** Connected to the demo network, with nothing of the demo's own under way. */
export async function connected(page: Page): Promise<void> {
  await editor(page).fill((await enrol(page)).config);
  await connect(page).click();
  await expect(status(page)).toContainText('Connected');
}

/** Before a relay goes: a page that looks for it fills its console with what it does not find. */
export async function leave(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Disconnect' }).click();
  await expect(status(page)).toContainText('Not connected');
}
