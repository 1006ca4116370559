import { zipSync } from 'fflate';
import { connect, editor, enrol, expect, region, status, test } from '../support/console-test.ts';

test('an invitation shows what it leads to, makes a key of its own, and connects nothing', async ({
  console: page,
  context,
}) => {
  const { config, keys } = await enrol(page);
  await editor(page).fill(config);
  await page.getByText('Share, move or export it').click();
  await page.getByRole('button', { name: 'Invite somebody' }).click();
  await page.getByLabel('Address of the other device').fill('10.86.1.99/32');
  const link = (await page.locator('.share pre').textContent())!;
  expect(Buffer.from(link.split('#invite=')[1]!, 'base64url').toString()).not.toContain(keys.privateKey);

  const guest = await context.newPage();
  await guest.goto(link);
  const offer = region(guest, 'Invitation');
  await expect(offer).toContainText(/Endpoint = (\S+)/.exec(config)![1]!);
  await expect(offer).toContainText('/v1');
  expect(await guest.evaluate(() => location.href), 'the fragment is gone').not.toContain('#');
  expect(guest.workers(), 'nothing connects by itself').toEqual([]);
  await offer.getByRole('button', { name: 'Accept, with a new key' }).click();
  await expect(editor(guest)).toHaveValue(/PrivateKey = [A-Za-z0-9+/]{43}=/);
  expect(await editor(guest).inputValue()).not.toContain(keys.privateKey);
  await expect(region(guest, 'Summary')).toContainText('allowed-ips 10.86.1.99/32');
  await expect(status(guest)).toContainText('Not connected');
  expect(guest.workers()).toEqual([]);
});

test('a move takes everything, opens with its passphrase only, and connects when asked', async ({
  console: page,
  browser,
}) => {
  const { config } = await enrol(page);
  await editor(page).fill(config);
  await page.getByText('Share, move or export it').click();
  await page.getByRole('button', { name: 'Move to my other device' }).click();
  await page.getByRole('button', { name: 'Make the link' }).click();
  const shown = page.locator('.share pre');
  await expect(shown).toHaveCount(2);
  const [passphrase, link] = (await shown.allTextContents()) as [string, string];
  const device = await browser.newContext();
  const other = await device.newPage();
  await other.goto(link);
  const offer = region(other, 'From your other device');
  await offer.getByRole('textbox').fill('WRONG-WRONG');
  await offer.getByRole('button', { name: 'Unlock' }).click();
  await expect(offer.getByRole('alert')).toContainText('does not open it');
  await offer.getByRole('textbox').fill(passphrase.toLowerCase());
  await offer.getByRole('button', { name: 'Unlock' }).click();
  await offer.getByRole('button', { name: 'Take it' }).click();
  await expect(editor(other)).toHaveValue(config);
  expect(other.workers(), 'nothing connects by itself').toEqual([]);
  await connect(other).click();
  await expect(status(other)).toContainText('Connected');
  await device.close();
});

for (const [kind, heading] of [
  ['invite', 'Invitation'],
  ['move', 'From your other device'],
] as const)
  test(`what ${kind === 'invite' ? 'an invitation' : 'a move'} brings is out of the address before the page has loaded more than one small script`, async ({
    console: home,
    context,
  }) => {
    const page = await context.newPage();
    let open = () => {};
    const gate = new Promise<void>((resolve) => (open = resolve));
    const held: string[] = [];
    await page.route('**/assets/*', async (route) => {
      const name = route.request().url().split('/').at(-1)!;
      if (!name.startsWith('first-')) {
        held.push(name);
        await gate;
      }
      await route.continue();
    });
    await page.goto(`${home.url()}#${kind}=AAAA`, { waitUntil: 'commit' });
    await expect.poll(() => held.filter((name) => /^index-.*\.js$/.test(name)).length).toBe(1);
    await expect.poll(() => page.evaluate(() => location.hash)).toBe('');
    const visited = () =>
      page.evaluate(() =>
        (window as unknown as { navigation: { entries(): { url: string }[] } }).navigation
          .entries()
          .map(({ url }) => url)
          .join(' '),
      );
    expect(await visited(), 'nor does the history have it').not.toContain('#');
    open();
    await expect(region(page, heading)).toBeVisible();
  });

test('a link pasted into an open page is taken out of its address, and a damaged one says so', async ({
  console: page,
}) => {
  await page.evaluate(() => (location.hash = '#invite=AAAA'));
  await expect(region(page, 'Invitation').getByRole('alert')).toContainText('damaged');
  expect(await page.evaluate(() => location.hash)).toBe('');
  await region(page, 'Invitation').getByRole('button', { name: 'Leave it' }).click();
  await expect(region(page, 'Invitation')).toHaveCount(0);
});

test('an archive becomes a list of tunnels, and one file the configuration', async ({ console: page }) => {
  const { config } = await enrol(page);
  const bytes = new TextEncoder().encode(config);
  const buffer = Buffer.from(zipSync({ 'home.conf': bytes, 'work.conf': bytes }));
  const files = page.locator('input[type=file]');
  await files.setInputFiles({ name: 'all.zip', mimeType: 'application/zip', buffer });
  const tunnels = region(page, 'Tunnels');
  await expect(tunnels.getByRole('listitem')).toHaveText([/home/, /work/]);
  await tunnels.getByRole('button', { name: 'Open work' }).click();
  await expect(editor(page)).toHaveValue(config);
});
