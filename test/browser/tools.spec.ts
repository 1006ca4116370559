import { connect, connected, editor, enrol, expect, region, test } from '../support/console-test.ts';

const HOST = '10.86.0.1';

test('ports are checked by name, number and range, and a mistake is one sentence', async ({
  console: page,
}) => {
  await connected(page);
  const panel = region(page, 'Port check');
  await panel.getByLabel('Address').fill(HOST);
  await panel.getByLabel('Ports').fill('80, 81-82 7');
  await panel.getByRole('button', { name: 'Check' }).click();
  await expect(panel.getByRole('status')).toHaveText('2 open, 2 closed.');
  await expect(panel.getByRole('row', { name: /^80 open/ })).toBeVisible();
  await expect(panel.getByRole('row', { name: /^81 closed/ })).toBeVisible();
  await panel.getByLabel('Ports').fill('1-70000');
  await panel.getByLabel('Ports').press('Enter');
  await expect(panel.getByRole('alert')).toContainText('is no port');
});

test('a trace shows its hops as they come, and the path MTU what gets through whole', async ({
  console: page,
}) => {
  await connected(page);
  const trace = region(page, 'Traceroute');
  await trace.getByLabel('Address').fill(HOST);
  await trace.getByRole('button', { name: 'Trace' }).click();
  await expect(trace.getByRole('status')).toHaveText('Reached in 1 hop.');
  await expect(trace.getByRole('row').nth(1)).toContainText(HOST);
  const mtu = region(page, 'Path MTU');
  await mtu.getByLabel('Address').fill('fd86::1');
  await mtu.getByRole('button', { name: 'Measure' }).click();
  await expect(mtu).toContainText('1420 bytes');
  await expect(mtu.getByRole('status')).toContainText('gets there whole');
});

test('after the demo’s click its names work in every tool, and others are none', async ({
  console: page,
}) => {
  await page.getByRole('button', { name: 'Try the demo network' }).click();
  await expect(region(page, 'Ping').locator('.replies li').first()).toContainText('ms');
  await expect(region(page, 'Download')).toContainText('SHA-256');
  await expect(page.getByRole('tabpanel', { name: 'guest@demo.internal' })).toContainText('guest@demo:~$');
  await page.getByRole('button', { name: 'Stop ping' }).click();
  const outcomes = {
    'HTTP request': ['Send', /^200 OK/],
    'DNS lookup': ['Look up', /^\d records/],
    'Port check': ['Check', /^2 open, 1 closed/],
    Traceroute: ['Trace', 'Reached in 1 hop.'],
    'Path MTU': ['Measure', 'gets there whole'],
  } as const;
  for (const [name, [action, outcome]] of Object.entries(outcomes)) {
    await region(page, name).getByRole('button', { name: action }).click();
    await expect(region(page, name).getByRole('status')).toContainText(outcome);
  }
  const lookup = region(page, 'DNS lookup');
  await expect(lookup.getByRole('row', { name: /^AAAA fd86::1/ })).toBeVisible();
  // Its domain is searched.
  await lookup.getByLabel('Name').fill('files');
  await lookup.getByRole('button', { name: 'Look up' }).click();
  await expect(lookup.getByRole('row', { name: /^A 10\.86\.0\.1/ })).toBeVisible();
  await lookup.getByLabel('Name').fill('nobody.demo.internal');
  await lookup.getByRole('button', { name: 'Look up' }).click();
  await expect(lookup.getByRole('alert')).toContainText('nobody.demo.internal');
});

test('what cannot be asked says why in one sentence: no route, no DNS server', async ({ console: page }) => {
  await editor(page).fill((await enrol(page)).config.replace(/^DNS = .*$/m, ''));
  await connect(page).click();
  const trace = region(page, 'Traceroute');
  await trace.getByLabel('Address').fill('192.0.2.1');
  await trace.getByLabel('Address').press('Enter');
  await expect(trace.getByRole('alert')).toContainText('No peer is responsible for 192.0.2.1');
  const lookup = region(page, 'DNS lookup');
  await lookup.getByLabel('Name').fill('host.internal');
  await lookup.getByRole('button', { name: 'Look up' }).click();
  await expect(lookup.getByRole('alert')).toContainText(/DNS/);
});

test('a request shows status, headers, times and body, and a mistake is one sentence', async ({
  console: page,
}) => {
  await connected(page);
  const panel = region(page, 'HTTP request');
  await panel.getByLabel('URL').fill(HOST);
  await panel.getByRole('button', { name: 'Send' }).click();
  await expect(panel.getByRole('status')).toContainText(
    /^200 OK · \d+ B · headers after [\d.]+ ms, all after/,
  );
  await expect(panel.getByRole('region', { name: 'Body' })).toContainText('<h1>You are inside</h1>');
  await panel.getByText(/^\d+ headers$/).click();
  await expect(panel.getByRole('row', { name: /^content-type text\/html/i })).toBeVisible();
  const saved = page.waitForEvent('download');
  await panel.getByRole('button', { name: 'Save body' }).click();
  expect((await saved).suggestedFilename()).toBe('index.html');
  await panel.getByLabel('Method').selectOption('POST');
  await panel.getByLabel('URL').press('Enter');
  await expect(panel.getByRole('status')).toContainText('405');
  await panel.getByText('Headers and body').click();
  await panel.getByRole('textbox', { name: 'Headers' }).fill('not a header');
  await panel.getByLabel('URL').press('Enter');
  await expect(panel.getByRole('alert')).toContainText('“not a header” is no header');
});
