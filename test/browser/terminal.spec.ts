import { loadavg } from 'node:os';
import type { Locator, Page } from '@playwright/test';
import { connect, connected, editor, enrol, expect, region, status, test } from '../support/console-test.ts';
import { demoTerminal, openTerminal, shown, terminal, trust } from '../support/terminal-page.ts';

/** The keyboard goes on until it is where this name is. */
async function tabTo(page: Page, name: RegExp): Promise<void> {
  const nameOf = () =>
    page.evaluate(() => {
      const here = document.activeElement;
      const label = here?.id ? document.querySelector(`label[for="${here.id}"]`) : null;
      return here?.getAttribute('aria-label') ?? label?.textContent ?? here?.textContent ?? '';
    });
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press('Tab');
    if (name.test(await nameOf())) return;
  }
  throw new Error(`Tab never reached ${name}`);
}

/** Where this text is: in a terminal it is not the text that hears of the mouse. */
async function press(text: Locator, clickCount = 1): Promise<void> {
  let box: Awaited<ReturnType<Locator['boundingBox']>> = null;
  // Rows are drawn anew at any time, and then the text that was found is gone.
  await expect.poll(async () => (box = await text.boundingBox())).not.toBeNull();
  const { x, y, width, height } = box!;
  await text.page().mouse.move(x + width / 2, y + height / 2);
  await text.page().mouse.click(x + width / 2, y + height / 2, { clickCount });
}

/** A tunnel to the demo, kept in this browser. */
async function save(page: Page): Promise<void> {
  await editor(page).fill((await enrol(page)).config);
  await page.getByText('Keep this tunnel').click();
  await page.getByLabel('Name', { exact: true }).fill('Office');
  await page.getByRole('button', { name: 'Save in this browser' }).click();
  await region(page, 'Tunnels').getByRole('button', { name: 'Open Office' }).waitFor();
}

test('one click on the demo shows the prompt of a toy shell, in which commands work', async ({
  console: page,
}) => {
  const begun = Date.now();
  await page.getByRole('button', { name: 'Try the demo network' }).click();
  const screen = page.getByRole('tabpanel', { name: 'guest@demo.internal' });
  await shown(page, 'guest@demo:~$');
  const millis = Date.now() - begun;
  console.log(`from a click to the demo's prompt: ${millis} ms (load ${loadavg()[0]!.toFixed(1)})`);
  expect(millis).toBeLessThan(5000);
  await expect(screen).toContainText('guest@demo:~$');
  await expect(page.getByRole('alertdialog'), 'the key came with the configuration').toHaveCount(0);
  const input = screen.getByRole('textbox', { name: 'Terminal input' });
  await expect(input, 'it does not take the keyboard').not.toBeFocused();
  await input.focus();
  await page.keyboard.type('ls\ncat notes/todo.txt\n');
  await expect(screen).toContainText('notes  README.txt');
  await expect(screen).toContainText('- drop a file into the Files panel');
  await page.getByRole('button', { name: 'Disconnect' }).click();
  await expect(status(page)).toContainText('Not connected');
});

test('after the demo’s click, what is typed at a prompt that has no keyboard yet ends nothing', async ({
  console: page,
}) => {
  await page.reload();
  await tabTo(page, /^Try the demo network$/);
  await page.keyboard.press('Enter');
  const screen = page.getByRole('tabpanel', { name: 'guest@demo.internal' });
  await expect(screen).toContainText('guest@demo:~$');
  await page.keyboard.type('ls\n');
  await expect(page.getByRole('tab'), 'nothing was open before').toHaveCount(1);
  await page.waitForTimeout(500);
  await expect(status(page)).toContainText('Connected');
  await tabTo(page, /^Disconnect$/);
});

test('a first-time user gets to a shell by keyboard alone, in less than ten seconds', async ({
  console: home,
  browser,
}) => {
  const { config } = await enrol(home);
  const context = await browser.newContext();
  const page = await context.newPage();
  const begun = Date.now();
  await page.goto(home.url());
  const choosing = page.waitForEvent('filechooser');
  await tabTo(page, /^Open file$/);
  await page.keyboard.press('Enter');
  const file = { name: 'office.conf', mimeType: 'text/plain', buffer: Buffer.from(config) };
  await (await choosing).setFiles(file);
  await expect(editor(page)).toHaveValue(config);
  await tabTo(page, /^Connect$/);
  await page.keyboard.press('Enter');
  await terminal(page).waitFor();
  await tabTo(page, /^Address$/);
  await page.keyboard.type('10.86.0.1');
  await tabTo(page, /^User$/);
  await page.keyboard.type('guest\n');
  await page.getByRole('alertdialog', { name: 'Host key' }).waitFor();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('tabpanel')).toContainText('guest@demo:~$');
  const millis = Date.now() - begun;
  console.log(`from an address to a shell, by keyboard: ${millis} ms (load ${loadavg()[0]!.toFixed(1)})`);
  expect(millis).toBeLessThan(10_000);
  await page.keyboard.type('whoami\n');
  await expect(page.getByRole('tabpanel')).toContainText(/whoami\s*guest/);
  await page.keyboard.press('Control+Shift+ArrowUp');
  await expect(page.getByRole('tab', { name: 'guest@10.86.0.1' })).toBeFocused();
  await context.close();
});

test('a saved tunnel is at a prompt in two seconds', async ({ console: page }) => {
  await save(page);
  await connect(page).click();
  await openTerminal(page, { host: '10.86.0.1', user: 'guest' });
  await trust(page);
  await expect(page.getByRole('tabpanel')).toContainText('guest@demo:~$');
  await page.getByRole('button', { name: 'Disconnect' }).click();
  await expect(status(page)).toContainText('Not connected');
  await page.reload();
  await region(page, 'Tunnels').getByRole('button', { name: 'Open Office' }).click();
  const begun = Date.now();
  await connect(page).click();
  await openTerminal(page, { host: '10.86.0.1', user: 'guest' });
  await expect(page.getByRole('tabpanel')).toContainText('guest@demo:~$');
  const millis = Date.now() - begun;
  console.log(`from a saved tunnel to a prompt: ${millis} ms`);
  expect(millis).toBeLessThan(2000);
});

/** Through a tunnel that is saved; leaving asks nobody. */
async function comeToPrompt(page: Page): Promise<void> {
  page.on('dialog', (dialog) => void dialog.accept());
  await save(page);
  await region(page, 'Tunnels').getByRole('button', { name: 'Open Office' }).click();
  await connect(page).click();
  await openTerminal(page, { host: '10.86.0.1', user: 'guest' });
  await trust(page);
  await expect(page.getByRole('tabpanel')).toContainText('guest@demo:~$');
}

test('a reload brings the tunnel back, and the terminals in it with what they forward', async ({
  console: page,
}) => {
  await comeToPrompt(page);
  const forwards = terminal(page).locator('details').filter({ hasText: 'Forwards' });
  await forwards.locator('summary').click();
  for (const port of ['8080', '8081']) {
    await terminal(page).getByLabel('Host over there').fill('127.0.0.1');
    await terminal(page).getByLabel('Port over there').fill(port);
    await terminal(page).getByRole('button', { name: 'Add forward' }).click();
  }
  await terminal(page).getByRole('button', { name: 'Remove the forward to 127.0.0.1:8081' }).click();
  await page.reload();
  await expect(page.getByRole('tabpanel', { name: 'guest@10.86.0.1' })).toContainText('guest@demo:~$');
  await forwards.locator('summary').click();
  await expect(forwards.getByRole('listitem')).toHaveCount(1);
  await expect(forwards.getByRole('listitem')).toContainText('127.0.0.1:8080');
  await page.getByRole('button', { name: /^Close / }).click();
  await page.reload();
  await terminal(page).waitFor();
  await expect(page.getByRole('tab')).toHaveCount(0);
});

test('a reload shows the terminals that were seen, and the folder that was looked at', async ({
  console: page,
}) => {
  await comeToPrompt(page);
  await terminal(page).getByRole('button', { name: 'Open files' }).click();
  await terminal(page).getByRole('button', { name: 'Open notes' }).click();
  await expect(page.getByRole('table', { name: 'Files in /home/guest/notes' })).toBeVisible();
  for (const tabs of [2, 3]) {
    await openTerminal(page, { host: '10.86.0.1', user: 'guest' });
    await expect(page.getByRole('tab')).toHaveCount(tabs);
  }
  await page.getByRole('tab').first().click();
  await terminal(page).getByRole('button', { name: 'Split' }).click();
  await expect(page.getByRole('tabpanel')).toHaveCount(2);
  const seen = () =>
    page.getByRole('tabpanel').evaluateAll((panels) => panels.map(({ id }) => id.replace('terminal-', '')));
  expect(await seen()).toEqual(['1', '3']);
  await page.reload();
  await expect(page.getByRole('tab')).toHaveCount(3);
  await expect(page.getByRole('tab').first()).toHaveAttribute('aria-selected', 'true');
  expect(await seen()).toEqual(['1', '3']);
  await expect(page.getByRole('tabpanel').first()).toContainText('guest@demo:~$');
  await expect(page.getByRole('table', { name: 'Files in /home/guest/notes' })).toContainText('todo.txt');
});

test('several terminals: tabs, side by side, found text, reconnecting, closing', async ({
  console: page,
}) => {
  const screen = await demoTerminal(page);
  await page.keyboard.type('seq 1 500\n');
  await expect(screen).toContainText('500guest@demo');
  await screen.getByRole('button', { name: 'Find' }).click();
  await page.getByRole('searchbox', { name: 'Find in the terminal' }).fill('123');
  await page.keyboard.press('Enter');
  await expect(screen).toContainText('124');
  await page.getByRole('searchbox').fill('no such text');
  await page.keyboard.press('Enter');
  await expect(screen.getByText('Not found')).toBeVisible();
  await page.keyboard.press('Escape');

  await page.getByRole('button', { name: 'Split' }).click();
  await expect(page.getByRole('tabpanel')).toHaveCount(2);
  await expect(page.getByRole('tab')).toHaveCount(2);
  await expect(page.getByRole('tabpanel').last()).toContainText('guest@demo:~$');
  await page.getByRole('button', { name: 'Split' }).click();
  await page.getByRole('tab').first().focus();
  await page.keyboard.press('ArrowRight');
  await expect(page.getByRole('tab').last()).toHaveAttribute('aria-selected', 'true');
  await expect(page.getByRole('tabpanel')).not.toContainText('500');
  await page.getByRole('button', { name: /^Close / }).click();
  await expect(page.getByRole('tab')).toHaveCount(1);

  await page.getByRole('textbox', { name: 'Terminal input' }).focus();
  await page.keyboard.type('exit\n');
  await expect(screen).toContainText('The connection is closed.');
  await screen.getByRole('button', { name: 'Reconnect' }).click();
  await expect(screen.getByRole('status').first()).toHaveText('Connected');
  await page.keyboard.type('hostname\n');
  await expect(screen).toContainText(/hostname\s*demo/);
});

test('what the other side writes is drawn and does nothing else', async ({ console: page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const screen = await demoTerminal(page);
  await page.evaluate(() => navigator.clipboard.writeText('mine'));
  await screen.page().getByRole('button', { name: 'Open files' }).click();
  await page.getByLabel('Files to upload').setInputFiles({
    name: 'evil',
    mimeType: 'text/plain',
    buffer: Buffer.from(
      '\x1b]52;c;ZXZpbA==\x07\x1b]0;ti\u202etle<b>\x07\x1b]8;;javascript:alert(1)\x07script\x1b]8;;\x07 ' +
        '\x1b]8;;https://evil.example/\x07harmless.example\x1b]8;;\x07 \x1b[31mred\x1b[0m\n',
    ),
  });
  await expect(page.getByRole('list', { name: 'Transfers' })).toContainText('done');
  await screen.getByRole('textbox', { name: 'Terminal input' }).focus();
  await page.keyboard.type('cat evil\n');
  await expect(screen).toContainText('harmless.example');
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('mine');
  await expect(page.getByRole('tab')).toContainText('ti tle<b>');
  const question = page.getByRole('dialog', { name: 'Link' });
  await press(screen.getByText('harmless.example'));
  await expect(question).toContainText('https://evil.example/');
  await page.getByRole('button', { name: 'Do not open' }).click();
  await expect(question).toHaveCount(0);
  // The same click on the other one asks nothing: long enough for what the first took a few frames for.
  await press(screen.getByText('script', { exact: true }));
  await page.waitForTimeout(500);
  await expect(question).toHaveCount(0);
});

test('an address in plain text is a link, which opens in a tab of its own once somebody says so', async ({
  console: page,
  context,
}) => {
  const url = `${new URL(page.url()).origin}/manifest.webmanifest`;
  const screen = await demoTerminal(page);
  await page.keyboard.type(`echo ${url}\n`);
  const opened: string[] = [];
  context.on('page', (other) => opened.push(other.url()));
  await press(screen.getByText(url, { exact: true }).last());
  const question = page.getByRole('dialog', { name: 'Link' });
  await expect(question).toContainText(url);
  expect(opened, 'before it was asked').toEqual([]);
  const opening = context.waitForEvent('page');
  await question.getByRole('link', { name: 'Open link' }).click();
  const other = await opening;
  await expect.poll(() => other.url()).toBe(url);
  expect(await other.evaluate(() => [opener, document.referrer])).toEqual([null, '']);
  await expect(question).toHaveCount(0);
});

test('several pasted lines are asked about, and what is selected is copied', async ({
  console: page,
  context,
}) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const screen = await demoTerminal(page);
  const paste = (text: string) =>
    screen.getByRole('textbox', { name: 'Terminal input' }).evaluate((input, pasted) => {
      const clipboardData = new DataTransfer();
      clipboardData.setData('text/plain', pasted);
      input.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
    }, text);
  await paste('echo a\x1b[201~b\necho c\n');
  const question = page.getByRole('dialog', { name: 'Paste' });
  await expect(question).toContainText('Paste 3 lines?');
  await question.getByRole('button', { name: 'Do not paste' }).click();
  await paste('echo kept');
  await page.keyboard.press('Enter');
  await expect(screen).toContainText(/\$ echo kept\s*kept/);
  await expect(screen).not.toContainText('echo a');
  await paste('echo one\necho two\n');
  await page.getByRole('button', { name: 'Paste 3 lines' }).click();
  await expect(screen).toContainText(/two\s*two/);
  await press(screen.getByText('kept').last(), 2);
  await page.keyboard.press('Control+c');
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toBe('kept');
  await page.keyboard.type('half');
  await page.keyboard.press('Control+c');
  await expect(screen).toContainText('half^C');
});

test('it draws with WebGL and without, fills the screen, and speaks', async ({ console: page }) => {
  const screen = await demoTerminal(page);
  const webgl = screen.getByRole('button', { name: 'WebGL' });
  await webgl.click();
  await expect(webgl).toHaveAttribute('aria-pressed', 'true');
  await expect(screen.locator('canvas').first()).toBeAttached();
  await webgl.click();
  await expect(screen).toContainText('guest@demo:~$');
  await screen.getByRole('button', { name: 'Screen reader' }).click();
  await screen.getByRole('textbox', { name: 'Terminal input' }).focus();
  await page.keyboard.type('echo heard\n');
  await expect(screen.getByRole('list')).toContainText('heard');
  const calls = await page.evaluateHandle(() => {
    const { keyboard } = navigator as unknown as { keyboard: Record<'lock' | 'unlock', () => unknown> };
    const heard: string[] = [];
    for (const name of ['lock', 'unlock'] as const) {
      const before = keyboard[name].bind(keyboard);
      keyboard[name] = (...given: []) => {
        heard.push(`${name} ${given.length}`);
        return before(...given);
      };
    }
    return heard;
  });
  await screen.getByRole('button', { name: 'Full screen' }).click();
  await expect.poll(() => page.evaluate(() => document.fullscreenElement?.id)).toBe('terminal-1');
  await expect.poll(() => calls.jsonValue(), 'every key, Escape too').toEqual(['lock 0']);
  await screen.getByRole('button', { name: 'Full screen' }).click();
  await expect.poll(() => page.evaluate(() => document.fullscreenElement)).toBeNull();
  await expect.poll(() => calls.jsonValue()).toEqual(['lock 0', 'unlock 0']);
});

test('a page with an open terminal asks before it is left, and one without does not', async ({
  console: page,
}) => {
  let asked = 0;
  page.on('dialog', (dialog) => {
    asked++;
    void dialog.accept();
  });
  await demoTerminal(page);
  await page.reload();
  expect(asked).toBe(1);
  await connected(page);
  await page.reload();
  expect(asked).toBe(1);
});
