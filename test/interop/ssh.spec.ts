// The console's terminals on an unmodified sshd, behind an unmodified WireGuard.
import { loadavg } from 'node:os';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { run } from '../support/child-process.ts';
import { connect, region, status } from '../support/console-test.ts';
import { expect, test } from '../support/interop-test.ts';
import { INNER } from '../support/real-peer.ts';
import type { SshdOptions } from '../support/sshd.ts';
import { keyTerminal, labConnected, openTerminal, shown, terminal, trust } from '../support/terminal-page.ts';

const PASSWORD = 'correct horse';
const screen = (page: Page) => page.getByRole('tabpanel').last();
const hostKey = (page: Page) => page.getByRole('alertdialog', { name: 'Host key' });

/** Types `text` into the first field of what the server asks. */
async function answer(page: Page, text: string): Promise<void> {
  const form = page.getByRole('form', { name: 'Log in' });
  await form.getByLabel(/password/i).fill(text);
  await form.getByRole('button', { name: 'Log in' }).click();
}

let sums = 0;

/** A shell answers, and has the keyboard. */
async function works(page: Page): Promise<void> {
  await expect(screen(page).getByText('Connected', { exact: true })).toBeVisible();
  await expect(screen(page).getByRole('textbox', { name: 'Terminal input' })).toBeFocused();
  sums++;
  await page.keyboard.type(`echo is-$((1000+${sums}))\n`);
  await expect(screen(page)).toContainText(`is-${1000 + sums}`);
}

async function showKeys(page: Page): Promise<void> {
  const load = terminal(page).getByRole('button', { name: 'Keys and hosts' });
  const keys = terminal(page).locator('summary').filter({ hasText: /^Keys/ });
  await load.or(keys).waitFor();
  if (await load.isVisible()) await load.click();
  await keys.waitFor();
  if (!(await page.getByLabel('Key file').isVisible())) await keys.click();
}

/** A key of the browser's own; gives back its line for authorized_keys. */
async function makeKey(page: Page): Promise<string> {
  await showKeys(page);
  await page.getByLabel('Name of a new key').fill('this laptop');
  await page.getByRole('button', { name: 'Make a key' }).click();
  return page.getByRole('list', { name: 'Keys' }).locator('pre').innerText();
}

async function addKeyFile(page: Page, file: string, passphrase?: string): Promise<void> {
  await showKeys(page);
  await page.getByLabel('Key file').setInputFiles(file);
  if (passphrase === undefined) return;
  await page.getByLabel(/^Passphrase of/).fill(passphrase);
  await page.getByRole('button', { name: 'Unlock key' }).click();
}

const root = { host: INNER.peer4, user: 'root' };
const by = (how: 'password' | 'keyboard-interactive'): SshdOptions => ({
  password: { text: PASSWORD, by: how },
});

test('a password, then a key under a passphrase, open a shell; another host key is refused loudly @core', async ({
  page,
  startLab,
  startSshd,
}) => {
  const lab = await startLab({ site: 'console' });
  let sshd = await startSshd(lab, by('password'));
  await labConnected(page, lab);
  await openTerminal(page, root);
  await expect(hostKey(page)).toContainText(await sshd.fingerprint());
  await trust(page);
  await answer(page, 'wrong');
  await expect(page.getByRole('form', { name: 'Log in' })).toContainText('That was not right: try again.');
  await answer(page, PASSWORD);
  await works(page);
  // A sign of two columns takes two, as programs over there count them: the cursor is in the third.
  await page.keyboard.type(
    "stty raw -echo; printf '\\033[H\\360\\237\\221\\215\\033[6n'; p=$(dd bs=1 count=6 2>/dev/null); stty sane; echo at $(printf %s $p | tail -c 5)\n",
  );
  await expect(screen(page)).toContainText('at [1;3R');
  await page.keyboard.type('exit\n');
  await expect(screen(page)).toContainText('The connection is closed.');

  const file = await sshd.addKey('locked', ['-t', 'ed25519', '-N', 'open sesame', '-a', '4']);
  await addKeyFile(page, file, 'open sesame');
  await expect(page.getByRole('list', { name: 'Keys' })).toContainText('Ed25519');
  await screen(page).getByRole('button', { name: 'Reconnect' }).click();
  await works(page);

  const before = await sshd.fingerprint();
  await sshd.stop();
  sshd = await startSshd(lab, by('password'));
  await screen(page).getByRole('button', { name: 'Reconnect' }).click();
  await expect(hostKey(page)).toContainText(`The host key of ${INNER.peer4}, port 22 has changed.`);
  await expect(hostKey(page)).toContainText(before);
  await expect(hostKey(page)).toContainText(await sshd.fingerprint());
  await hostKey(page).getByRole('button', { name: 'Do not connect' }).click();
  await expect(screen(page).getByRole('alert')).toContainText('so nothing was sent');
  expect(sshd.output).not.toContain('Accepted');
  const known = page.getByRole('list', { name: 'Known hosts' });
  await terminal(page)
    .locator('summary')
    .filter({ hasText: /^Known hosts/ })
    .click();
  await expect(known).toContainText(before);

  await screen(page).getByRole('button', { name: 'Reconnect' }).click();
  await hostKey(page).getByRole('button', { name: 'Trust the new key' }).click();
  await answer(page, PASSWORD);
  await works(page);
  await expect(known.getByRole('listitem')).toHaveCount(1);
  await expect(known).toContainText(await sshd.fingerprint());
  await page.keyboard.type('exit\n');
  await expect(screen(page)).toContainText('The connection is closed.');
  await screen(page).getByRole('button', { name: 'Reconnect' }).click();
  await answer(page, PASSWORD);
  await works(page);
});

/** Rows and columns: where the terminal's cursor stops in the last corner, and what the other side takes for its size. */
async function sizes(page: Page): Promise<{ drawn: string; told: string }> {
  sums++;
  await page.keyboard.type(
    `stty raw -echo min 20 time 3; printf '\\033[999;999H\\033[6n'; p=$(dd bs=20 count=1 2>/dev/null); stty sane; echo; echo size-$((1000+${sums})) $(printf %s "$p" | tr -dc '0-9;' | tr ';' x) $(stty size | tr ' ' x).\n`,
  );
  const found = new RegExp(`size-${1000 + sums} (\\d+x\\d+) (\\d+x\\d+)\\.`);
  await expect(screen(page)).toContainText(found);
  const [, drawn, told] = found.exec(await screen(page).innerText())!;
  return { drawn: drawn!, told: told! };
}

test('the other side has the size that is drawn, also when the window gets another', async ({
  page,
  startLab,
  startSshd,
}) => {
  const lab = await startLab({ site: 'console' });
  const sshd = await startSshd(lab);
  await keyTerminal(page, lab, sshd);
  await works(page);
  const wide = await sizes(page);
  expect(wide.told).toBe(wide.drawn);
  await page.setViewportSize({ width: 800, height: 600 });
  await expect
    .poll(async () => {
      const { drawn, told } = await sizes(page);
      return told === drawn && Number(told.split('x')[1]) < Number(wide.told.split('x')[1]);
    })
    .toBe(true);
});

test('what PAM asks is asked here', async ({ page, startLab, startSshd }) => {
  const lab = await startLab({ site: 'console' });
  const sshd = await startSshd(lab, by('keyboard-interactive'));
  await labConnected(page, lab);
  await openTerminal(page, { ...root, host: INNER.peer6 });
  await trust(page);
  await answer(page, PASSWORD);
  await works(page);
  expect(sshd.output).toContain('Accepted keyboard-interactive/pam');
});

test('ECDSA and RSA keys, and a key that the browser made and gives to nobody', async ({
  page,
  startLab,
  startSshd,
}) => {
  const lab = await startLab({ site: 'console' });
  const sshd = await startSshd(lab, by('password'));
  await labConnected(page, lab);
  const kinds: [name: string, options: string[]][] = [
    ['ecdsa', ['-t', 'ecdsa', '-b', '384', '-N', '']],
    ['rsa', ['-t', 'rsa', '-b', '2048', '-N', 'open sesame', '-a', '4']],
  ];
  for (const [name, options] of kinds) {
    const file = await sshd.addKey(name, options);
    await addKeyFile(page, file, options.includes('open sesame') ? 'open sesame' : undefined);
    await expect(page.getByRole('list', { name: 'Keys' })).toContainText(name);
    await openTerminal(page, root);
    if (name === 'ecdsa') await trust(page);
    await works(page);
    await page.getByRole('button', { name: `Close root@${INNER.peer4}` }).click();
    await page.getByRole('button', { name: `Remove the key ${name}` }).click();
  }
  expect(sshd.output).toContain('Accepted publickey for root');
  expect(sshd.output).toContain('ECDSA');
  expect(sshd.output).toContain('RSA');

  sshd.authorize(await makeKey(page));
  await openTerminal(page, root);
  await works(page);
  const stored = await page.evaluate(
    () =>
      new Promise<boolean>((resolve) => {
        const opening = indexedDB.open('tabwire-ssh-keys');
        opening.onsuccess = () => {
          const all = opening.result.transaction('items').objectStore('items').getAll();
          all.onsuccess = () => resolve((all.result[0] as { privateKey: CryptoKey }).privateKey.extractable);
        };
      }),
  );
  expect(stored).toBe(false);
});

test('a server that wants a password beside the key is given both', async ({ page, startLab, startSshd }) => {
  const lab = await startLab({ site: 'console' });
  const sshd = await startSshd(lab, { ...by('password'), needsBoth: true });
  await labConnected(page, lab);
  sshd.authorize(await makeKey(page));
  await openTerminal(page, root);
  await trust(page);
  await answer(page, PASSWORD);
  await works(page);
  expect(sshd.output, 'which its configuration says is not enough alone').toContain('Accepted password');
});

test('through a server in between', async ({ page, startLab, startSshd }) => {
  const lab = await startLab({ site: 'console' });
  await startSshd(lab, by('password'));
  await labConnected(page, lab);
  // Of that machine's own, where the tunnel does not lead.
  await openTerminal(page, { host: '127.0.0.1', user: 'root', jump: `root@${INNER.peer4}` });
  await expect(hostKey(page)).toContainText(INNER.peer4);
  await trust(page);
  await expect(page.getByRole('form', { name: 'Log in' })).toContainText(`root@${INNER.peer4}`);
  await answer(page, PASSWORD);
  await expect(hostKey(page)).toContainText('127.0.0.1');
  await trust(page);
  await expect(page.getByRole('form', { name: 'Log in' })).toContainText('root@127.0.0.1');
  await answer(page, PASSWORD);
  await works(page);
});

test('what cannot be done is one sentence: certificates, no SSH there, nobody there, not let in', async ({
  page,
  startLab,
  startSshd,
}) => {
  const lab = await startLab({ site: 'console', files: [1000] });
  const sshd = await startSshd(lab);
  await labConnected(page, lab);
  const user = join(sshd.folder, 'user');
  await run('ssh-keygen', ['-q', '-s', join(sshd.folder, 'host'), '-I', 'me', '-n', 'root', `${user}.pub`]);
  await addKeyFile(page, `${user}-cert.pub`);
  await expect(terminal(page).getByRole('alert')).toContainText('certificates are not supported yet');
  await addKeyFile(page, `${user}.pub`);
  await expect(terminal(page).getByRole('alert')).toContainText('choose the file without “.pub”');

  const fails = async (port: number, sentence: string) => {
    await openTerminal(page, { ...root, port });
    await expect(screen(page).getByRole('alert')).toContainText(sentence);
    await page.getByRole('button', { name: /^Close / }).click();
  };
  await fails(80, 'does not speak SSH on that port');
  await fails(23, 'refused the connection');
  await openTerminal(page, { ...root, port: 22 });
  await trust(page);
  await expect(screen(page).getByRole('alert')).toContainText('did not let us in');
});

test('a saved tunnel is at a prompt in two seconds where the relay is 40 ms away', async ({
  page,
  startLab,
  startSshd,
}) => {
  const lab = await startLab({ site: 'console', roundTrip: 40 });
  const sshd = await startSshd(lab);
  await labConnected(page, lab);
  sshd.authorize(await makeKey(page));
  await openTerminal(page, root);
  await trust(page);
  await works(page);
  await page.getByRole('button', { name: `Close root@${INNER.peer4}` }).click();
  await page.getByRole('button', { name: 'Disconnect' }).click();
  await expect(status(page)).toContainText('Not connected');
  await page.getByText('Keep this tunnel').click();
  await page.getByLabel('Name', { exact: true }).fill('Office');
  await page.getByRole('button', { name: 'Save in this browser' }).click();
  const saved = region(page, 'Tunnels').getByRole('button', { name: 'Open Office' });
  await saved.waitFor();
  await page.reload();
  await saved.click();
  const begun = Date.now();
  await connect(page).click();
  await openTerminal(page, root);
  await shown(page, '#');
  const millis = Date.now() - begun;
  console.log(`from a saved tunnel to a prompt: ${millis} ms (load ${loadavg()[0]!.toFixed(1)})`);
  expect(millis).toBeLessThan(2000);
});
