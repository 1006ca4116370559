// What is left of secrets in the console, for a script that got into the page and for whoever reads memory: with a real
// sshd behind a real WireGuard. Of tokens and saved tunnels: browser/hostile-page.spec.ts. What such a script can do all
// the same is in SECURITY.md.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { run } from '../support/child-process.ts';
import { connect, editor, region, status } from '../support/console-test.ts';
import { expect, test } from '../support/interop-test.ts';
import { eavesdrop, loot } from '../support/intruder.ts';
import type { Lab, LabOptions } from '../support/lab.ts';
import { pageMemory, WorkerMemory } from '../support/memory-scan.ts';
import { INNER } from '../support/real-peer.ts';
import { type Secret, secretsIn } from '../support/secret-scan.ts';
import type { Sshd, SshdOptions } from '../support/sshd.ts';
import { labConnected, openTerminal, terminal, trust } from '../support/terminal-page.ts';

const randomText = () => randomBytes(15).toString('base64url');
const text = (name: string, value: string): Secret => ({ name, bytes: Buffer.from(value) });
const key = (name: string, base64: string): Secret => ({ name, bytes: Buffer.from(base64, 'base64') });
const settingOf = (config: string, name: string) => new RegExp(`^${name} = (\\S+)$`, 'm').exec(config)![1]!;

/** The secret half of an Ed25519 key in OpenSSH's file, under no passphrase (PROTOCOL.key): behind the public one, for the second time. */
function seedOf(file: string): Uint8Array {
  const bytes = Buffer.from(readFileSync(file, 'utf8').replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const second = bytes.lastIndexOf('ssh-ed25519');
  return bytes.subarray(second + 11 + 4 + 32 + 4, second + 11 + 4 + 32 + 4 + 32);
}

/** Of RFC 8410's PKCS#8, in base64, what is the seed's alone. */
function pemOf(seed: Uint8Array): string {
  const before = Buffer.from('302e020100300506032b657004220420', 'hex');
  return Buffer.concat([before, seed]).toString('base64').slice(24);
}

interface Login {
  secrets: Secret[];
  passphrase: string;
  password: string;
  sshd: Sshd;
}

interface Starts {
  startLab(options: LabOptions): Promise<Lab>;
  startSshd(lab: Lab, options: SshdOptions): Promise<Sshd>;
}

/** Connected to a network with a server that wants a key and a password; the key file is chosen, and waits for its passphrase. */
async function withKeyFile(page: Page, { startLab, startSshd }: Starts): Promise<Login> {
  const [password, passphrase] = [randomText(), randomText()];
  const lab = await startLab({ site: 'console' });
  const sshd = await startSshd(lab, { password: { text: password, by: 'password' }, needsBoth: true });
  const file = await sshd.addKey('locked', ['-t', 'ed25519', '-N', '']);
  const seed = seedOf(file);
  await run('ssh-keygen', ['-q', '-p', '-P', '', '-N', passphrase, '-a', '4', '-f', file]);
  const secrets = [
    text('the password', password),
    text('the passphrase', passphrase),
    text('the key file', readFileSync(file, 'utf8').split('\n')[4]!),
    { name: 'the SSH key', bytes: seed },
    text('the SSH key in PEM', pemOf(seed)),
  ];
  await labConnected(page, lab);
  await terminal(page).getByRole('button', { name: 'Keys and hosts' }).click();
  await terminal(page).locator('summary').filter({ hasText: /^Keys/ }).click();
  await page.getByLabel('Key file').setInputFiles(file);
  await page.getByLabel(/^Passphrase of/).fill(passphrase);
  return { secrets, passphrase, password, sshd };
}

/** Up to the password, which stands in its field. */
async function unlock(page: Page, { password }: Login): Promise<void> {
  await page.getByRole('button', { name: 'Unlock key' }).click();
  await expect(page.getByRole('list', { name: 'Keys' })).toContainText('Ed25519');
  await openTerminal(page, { host: INNER.peer4, user: 'root' });
  await trust(page);
  await page
    .getByRole('form', { name: 'Log in' })
    .getByLabel(/password/i)
    .fill(password);
}

async function logIn(page: Page, { sshd }: Login): Promise<void> {
  await page.getByRole('form', { name: 'Log in' }).getByRole('button', { name: 'Log in' }).click();
  await expect(page.getByRole('tabpanel')).toContainText('#');
  expect(sshd.output).toContain('Accepted password');
}

test.beforeEach(() => test.setTimeout(300_000));

test('a script in the page reads passphrase and password as they are typed, and after that neither them nor the SSH key @chromium', async ({
  page,
  startLab,
  startSshd,
}) => {
  await page.addInitScript(eavesdrop);
  const login = await withKeyFile(page, { startLab, startSshd });
  const seen = async () => secretsIn((await loot(page)).text, login.secrets);
  expect(await seen(), 'it does look').toContain('the passphrase, as text');
  await unlock(page, login);
  const typed = await seen();
  expect(typed, 'it does look').toContain('the password, as text');
  expect(typed.filter((found) => !found.startsWith('the password'))).toEqual([]);
  await logIn(page, login);
  const found = await loot(page);
  expect(found.text).toContain(`root@${INNER.peer4}`);
  expect(found.objects).toBeGreaterThan(5000);
  expect(found.exported).toEqual([]);
  expect(secretsIn(found.text, login.secrets)).toEqual([]);
});

test('when its terminal is closed, the page’s memory holds no password, passphrase or SSH key @chromium', async ({
  page,
  startLab,
  startSshd,
}) => {
  const login = await withKeyFile(page, { startLab, startSshd });
  const before = await pageMemory(page, login.secrets);
  expect(before.secrets, 'what is there is found').toContain('the key file, as text');
  await unlock(page, login);
  await logIn(page, login);
  await page.keyboard.type('exit\n');
  await expect(page.getByRole('tabpanel')).toContainText('The connection is closed.');
  const close = terminal(page).getByRole('button', { name: /^Close root@/ });
  await close.click();
  const after = await pageMemory(page, login.secrets);
  expect(after.heap).toContain('ssh-ed25519');
  expect(after.bufferBytes).toBeGreaterThan(0);
  expect(after.secrets).toEqual([]);
});

test('the engine’s memory holds no private key while it works, and no preshared key either once the tunnel is closed @chromium', async ({
  page,
  startLab,
}) => {
  const lab = await startLab({ site: 'console', presharedKey: true });
  const secrets = [
    key('the private key', lab.keys.privateKey),
    key('the preshared key', settingOf(lab.config, 'PresharedKey')),
  ];
  await labConnected(page, lab);
  const engine = await WorkerMemory.kept(page);
  const at = await engine.scan(secrets);
  expect(at.bufferBytes, 'WebAssembly’s memory is looked at').toBeGreaterThan(1 << 20);
  expect(at.secrets).toEqual(['the preshared key, in a buffer']);
  await page.getByRole('button', { name: 'Disconnect' }).click();
  await expect(status(page)).toContainText('Not connected');
  await expect.poll(() => engine.isOver()).toBe(true);
  expect((await engine.scan(secrets)).secrets).toEqual([]);
});

test('of a saved tunnel a script reads the preshared key, as SECURITY.md says, and never the private one @chromium', async ({
  page,
  startLab,
}) => {
  await page.addInitScript(eavesdrop);
  const lab = await startLab({ site: 'console', presharedKey: true });
  const privateKey = key('the private key', lab.keys.privateKey);
  const presharedKey = key('the preshared key', settingOf(lab.config, 'PresharedKey'));
  await editor(page).fill(lab.config);
  await page.getByRole('textbox', { name: 'Relay' }).fill(lab.relayUrl);
  await page.getByText('Keep this tunnel').click();
  await page.getByLabel('Name', { exact: true }).fill('Office');
  await page.getByRole('button', { name: 'Save in this browser' }).click();
  await expect(region(page, 'Configuration')).toContainText('is kept in this browser');
  await page.reload();
  await region(page, 'Tunnels').getByRole('button', { name: 'Open Office' }).click();
  await connect(page).click();
  await expect(status(page)).toContainText('Connected');
  const found = await loot(page);
  expect(found.keys).toBeGreaterThan(0);
  expect(found.exported).toEqual([]);
  expect(secretsIn(found.text, [privateKey])).toEqual([]);
  expect(secretsIn(found.text, [presharedKey])).not.toEqual([]);
});
