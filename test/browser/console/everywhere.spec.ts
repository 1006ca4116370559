// What the console does in every browser, in Chromium and in Debian's Firefox.
import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, Page } from '@playwright/test';
import {
  connect,
  connected,
  editor,
  enrol,
  expect,
  leave,
  region,
  status,
  test,
} from '../../support/console-test.ts';
import { firefoxExecutable } from '../../support/firefox.ts';
import { firefoxPage } from '../../support/firefox-page.ts';
import { MALFORMED_CONFIGS } from '../../support/malformed-configs.ts';
import { savedBy } from '../../support/saving.ts';
import { secretsIn, shapesOfSecrets } from '../../support/secret-scan.ts';
import { TokenSite } from '../../support/token-site.ts';
import { keepAs, stored } from '../../support/tunnel-store.ts';

/** What axe has to say, as one line each. */
async function complaints(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).setLegacyMode().analyze();
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.join(' ')}`));
}

const CHECKS: readonly [title: string, check: (page: Page) => Promise<void>][] = [
  [
    'each of twenty malformed configurations names line, key and what is expected',
    async (page) => {
      expect(MALFORMED_CONFIGS.length).toBeGreaterThanOrEqual(20);
      const wrong: string[] = [];
      for (const { mistake, text, line, key, expects } of MALFORMED_CONFIGS) {
        await editor(page).fill(text);
        const issues = await page.locator('.issue[data-severity="error"]').allInnerTexts();
        const found = issues.some(
          (said) =>
            new RegExp(`^Line ${line}\\b`, 'i').test(said) &&
            (key === undefined || said.includes(key)) &&
            expects.test(said),
        );
        if (!found) wrong.push(`${mistake}: ${JSON.stringify(issues)}`);
      }
      expect(wrong).toEqual([]);
      await connect(page).click();
      await expect(
        page
          .getByRole('alert')
          .filter({ hasText: /line \d+/i })
          .first(),
      ).toBeVisible();
      expect(page.workers()).toEqual([]);
    },
  ],
  [
    'a form edits the same text, and says at the field what is wrong',
    async (page) => {
      const { config } = await enrol(page);
      await editor(page).fill(`# mine\n${config}`);
      await page.getByRole('button', { name: 'Edit as form' }).click();
      const peer = page.getByRole('group', { name: 'Peer' });
      await peer.getByLabel('Endpoint').fill('nowhere');
      await expect(peer.getByLabel('Endpoint')).toHaveAttribute('aria-invalid', 'true');
      await expect(peer.locator('.field-issue')).toContainText(/port/i);
      await peer.getByLabel('Endpoint').fill('10.1.2.3:51820');
      await expect(peer.locator('.field-issue')).toHaveCount(0);
      await page.getByRole('button', { name: 'Edit as text' }).click();
      await expect(editor(page)).toHaveValue(/^# mine\n[\s\S]*Endpoint = 10\.1\.2\.3:51820/);
    },
  ],
  [
    'a configuration is saved as the file that a WireGuard app reads, byte for byte',
    async (page) => {
      const { config } = await enrol(page);
      const text = `# of the office\n${config}`;
      await editor(page).fill(text);
      await page.getByText('Share, move or export it').click();
      const saved = await savedBy(page, () => page.getByRole('button', { name: 'Save .conf file' }).click());
      expect(saved).toEqual({ name: 'tunnel.conf', text });
    },
  ],
  [
    'a saved tunnel outlives the page with a key that nobody can read, and connects when asked',
    async (page) => {
      const { config, keys } = await enrol(page);
      await editor(page).fill(config);
      await keepAs(page, 'Office');
      await page.getByRole('button', { name: 'Save in this browser' }).click();
      await expect(region(page, 'Configuration')).toContainText('“Office” is kept in this browser');
      const { kinds, readable, text } = await stored(page);
      expect({ kinds, readable }).toEqual({ kinds: ['key'], readable: [false] });
      expect(text).toContain('Endpoint');
      expect(text).not.toContain(keys.privateKey);

      await page.reload();
      const tunnels = region(page, 'Tunnels');
      await expect(tunnels.getByRole('listitem')).toHaveText(/Office/);
      await expect(status(page)).toContainText('Not connected');
      expect(page.workers(), 'nothing connects by itself').toEqual([]);
      await tunnels.getByRole('button', { name: 'Open Office' }).click();
      await expect(editor(page)).toHaveValue(/Endpoint/);
      expect(await editor(page).inputValue()).not.toContain('PrivateKey');
      await expect(status(page)).toContainText('Not connected');
      await connect(page).click();
      await expect(status(page)).toContainText('Connected');
    },
  ],
  [
    'the log is filtered and exported, and no key, token or ticket is in it',
    async (page) => {
      const site = await TokenSite.open(page);
      const psk = Buffer.alloc(32, 7);
      const relay = page.getByLabel('Relay', { exact: true });
      const alert = status(page).getByRole('alert');
      // Refused, and not told on.
      await editor(page).fill(site.config);
      await relay.fill(`${site.tap.url}?token=TOKEN-OF-THE-RELAY`);
      await connect(page).click();
      await expect(alert).toContainText('may hold no user name, password, query');
      await relay.fill(site.tap.url);
      await editor(page).fill(
        site.config.replace('[Peer]\n', `[Peer]\nPresharedKey = ${psk.toString('base64')}\n`),
      );
      await connect(page).click();
      await expect(alert).toContainText('The preshared key differs');
      await leave(page);
      await site.connect(page);

      await status(page).getByText('Log', { exact: true }).click();
      const log = region(page, 'Log');
      await expect(log.getByRole('table')).toContainText('Received handshake response');
      expect(await complaints(page)).toEqual([]);
      const { text } = await savedBy(page, () => log.getByRole('button', { name: 'Save log' }).click());
      expect(text).toMatch(/^\S+Z INFO {2}Connecting relays=ws/m);
      expect(text).toContain('Received handshake response');
      expect(text.match(/transport: open/g), 'once for each of two connections').toHaveLength(2);
      const secrets = [
        { name: 'the preshared key', bytes: psk },
        { name: 'the private key', bytes: Buffer.from(site.keys.privateKey, 'base64') },
        { name: 'a token in an address', bytes: Buffer.from('TOKEN-OF-THE-RELAY') },
        ...site.tokens,
        ...site.returns,
      ];
      expect(new Set(secrets.map(({ name }) => name)).size, 'all that there is to be found').toBe(8);
      expect(secretsIn(text, secrets)).toEqual([]);
      expect(shapesOfSecrets(text, [site.peer, site.keys.publicKey])).toEqual([]);

      await log.getByLabel('Level').selectOption('warn');
      await log.getByLabel('Filter').fill('preshared');
      await expect(log.getByRole('status')).toContainText(/^\d+ lines? of \d+/);
      await leave(page);
      await site.stop();
    },
  ],
  [
    'axe finds nothing to say, before and while connected',
    async (page) => {
      await page.emulateMedia({ reducedMotion: 'reduce' });
      expect(await complaints(page)).toEqual([]);
      await connected(page);
      await region(page, 'Traceroute').waitFor();
      expect(await complaints(page)).toEqual([]);
    },
  ],
];

for (const [title, check] of CHECKS) test(title, ({ console: page }) => check(page));

const inFirefox = test.extend<object, { other: Browser }>(firefoxPage);

inFirefox.describe('in Firefox', () => {
  inFirefox.skip(firefoxExecutable() === undefined && !process.env.CI, 'skipped: there is no Firefox');

  for (const [title, check] of CHECKS) inFirefox(title, ({ console: page }) => check(page));
});
