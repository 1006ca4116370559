import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { chromium } from '@playwright/test';
import { chromiumOptions } from '../support/chromium.ts';
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
} from '../support/console-test.ts';
import { DatagramProxy } from '../support/datagram-proxy.ts';
import { freeTcpPort, freeUdpPort } from '../support/free-port.ts';
import { generateKeys } from '../support/keys.ts';
import { PageServer } from '../support/page-server.ts';
import { RelayProcess } from '../support/relay-process.ts';
import { TokenSite } from '../support/token-site.ts';

// Each failure that a person can meet, produced for real, and its sentence. The rest of them: console.spec.ts.

const relayField = (page: Parameters<typeof status>[0]) => page.getByLabel('Relay', { exact: true });
const alert = (page: Parameters<typeof status>[0]) => status(page).getByRole('alert');
const withEndpoint = (config: string, endpoint: string) =>
  config.replace(/^Endpoint = .*$/m, `Endpoint = ${endpoint}`);
const endpointOf = (config: string) => /^Endpoint = (\S+)$/m.exec(config)![1]!;

test('something on the way that lets HTTP through but no WebSocket is named', async ({ console: page }) => {
  const proxy = createServer((_request, response) =>
    response.writeHead(200, { 'access-control-allow-origin': '*' }).end('{"ok":true}'),
  );
  proxy.on('upgrade', (_request, socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  await editor(page).fill((await enrol(page)).config);
  await relayField(page).fill(`ws://127.0.0.1:${(proxy.address() as AddressInfo).port}/v1`);
  await connect(page).click();
  await expect(alert(page)).toContainText('answers, but no WebSocket gets through');
  proxy.closeAllConnections();
  proxy.close();
});

test('a relay that the rules of the page forbid is named', async ({ page }) => {
  // Browsers say nothing of a WebSocket that the rules forbid to a worker: it is known when patience ends.
  test.setTimeout(60_000);
  const site = await PageServer.start(join(import.meta.dirname, '../../dist/console'), () => []);
  const key = 'KIRWTl8xrTVZXCKwBRW8qZ9ubKpg3nlX2K4Rkz4nAGc=';
  await page.goto(`${site.origin}/`);
  await editor(page).fill(
    `[Interface]\nPrivateKey = ${key}\nAddress = 10.0.0.2/32\n[Peer]\nPublicKey = ${key.replace('K', 'C')}\nEndpoint = 192.0.2.1:51820\nAllowedIPs = 10.0.0.0/24\n`,
  );
  await relayField(page).fill(`ws://127.0.0.1:${await freeTcpPort()}/v1`);
  await connect(page).click();
  await expect(alert(page)).toContainText('Content-Security-Policy', { timeout: 40_000 });
  await site.stop();
});

test('a token that the relay does not accept is said to be refused', async ({ console: page }) => {
  const site = await TokenSite.open(page, 'foreign');
  await editor(page).fill(site.config);
  await connect(page).click();
  await expect(alert(page)).toContainText(`The relay at ${site.tap.url} refused the token`);
  expect(site.tap.tokens, 'it was shown one').not.toEqual([]);
  await leave(page);
  await site.stop();
});

test.describe('a login', () => {
  // That there is no token yet is the browser's to report.
  test.use({ expected: /WebSocket|401/ });

  test('that gives no token yet says to log in, and then it goes on by itself', async ({ console: page }) => {
    const site = await TokenSite.open(page, 'none');
    await editor(page).fill(site.config);
    await connect(page).click();
    await expect(alert(page)).toContainText('gave no token for the relay: log in');
    await expect(page.getByRole('button', { name: 'Log in' })).toBeVisible();
    site.gives = 'good';
    await expect(status(page)).toContainText('Connected', { timeout: 20_000 });
    await expect(alert(page)).toBeEmpty();
    await expect(page.getByRole('button', { name: 'Log in' })).toHaveCount(0);
    await leave(page);
    await site.stop();
  });
});

test('a relay that wants a token, where there is none, is named', async ({ console: page, command }) => {
  const { config } = await enrol(page);
  const relay = await RelayProcess.start({
    allow: [endpointOf(config)],
    origins: [new URL(command.url).origin],
    auth: { keys: [{ alg: 'HS256', key: 'a secret of at least thirty-two bytes', kid: 'k' }] },
  });
  await editor(page).fill(config);
  await relayField(page).fill(relay.url);
  await connect(page).click();
  await expect(alert(page)).toContainText(`The relay at ${relay.url} wants a token, and this site has none`);
  await leave(page);
  await relay.stop();
});

test('a host that refuses UDP by ICMP is named, and the path doctor says up to where the way works', async ({
  console: page,
  command,
}) => {
  const { config } = await enrol(page);
  const endpoint = `127.0.0.1:${await freeUdpPort()}`;
  const relay = await RelayProcess.start({ allow: [endpoint], origins: [new URL(command.url).origin] });
  await editor(page).fill(withEndpoint(config, endpoint));
  await relayField(page).fill(relay.url);
  await connect(page).click();
  await expect(alert(page)).toContainText(`The host of ${endpoint} refuses UDP on that port`);
  await page.getByText('Diagnose', { exact: true }).click();
  const doctor = region(page, 'Path doctor');
  await expect(doctor.getByRole('status')).toContainText('works up to here: endpoint', { timeout: 20_000 });
  await expect(doctor.getByRole('listitem').nth(2)).toContainText('refuses UDP on that port');
  await leave(page);
  await relay.stop();
});

test('a way that works is said to work, leg by leg', async ({ console: page }) => {
  await connected(page);
  await page.getByText('Diagnose', { exact: true }).click();
  const doctor = region(page, 'Path doctor');
  await doctor.getByRole('textbox').fill('10.86.0.1');
  await doctor.getByRole('button', { name: 'Look again' }).click();
  await expect(doctor.getByRole('status')).toHaveText('The whole way works.');
  await expect(doctor.getByRole('listitem')).toHaveCount(5);
});

test('a way that loses large packets is told from one that works', async ({ console: page, command }) => {
  const { config } = await enrol(page);
  const way = await DatagramProxy.start(Number(endpointOf(config).split(':')[1]), { longest: 1200 });
  const relay = await RelayProcess.start({ allow: [way.endpoint], origins: [new URL(command.url).origin] });
  await editor(page).fill(withEndpoint(config, way.endpoint));
  await relayField(page).fill(relay.url);
  await connect(page).click();
  await expect(status(page)).toContainText('Connected');
  await page.getByText('Diagnose', { exact: true }).click();
  const doctor = region(page, 'Path doctor');
  await doctor.getByRole('textbox').fill('10.86.0.1');
  await doctor.getByRole('button', { name: 'Look again' }).click();
  await expect(doctor).toContainText('large packets are lost on the way');
  await expect(doctor).toContainText('Write a smaller MTU than 1420 under [Interface], such as 1280');
  await leave(page);
  await relay.stop();
  way.stop();
});

test('where no tunnel is open, the path doctor opens one to look, and leaves the key free', async ({
  console: page,
}) => {
  const { config } = await enrol(page);
  const psk = generateKeys().privateKey;
  await editor(page).fill(config.replace('[Peer]\n', `[Peer]\nPresharedKey = ${psk}\n`));
  await page.getByText('Diagnose', { exact: true }).click();
  const doctor = region(page, 'Path doctor');
  const test = doctor.getByRole('button', { name: 'Test the way' });
  await expect(test).toBeVisible();
  expect(page.workers(), 'nothing is opened before it is asked for').toEqual([]);
  await test.click();
  await expect(doctor).toContainText('The preshared key differs');
  await expect(doctor.getByRole('status')).toContainText('works up to here: handshake');
  await expect(status(page)).toContainText('Not connected');
  await expect.poll(() => page.workers().length, 'it is closed again').toBe(0);
  expect(await doctor.textContent()).not.toContain(psk);

  // Whoever connects meanwhile does not find the key taken.
  await editor(page).fill(config);
  await doctor.getByRole('textbox').fill('10.86.77.77');
  await doctor.getByRole('button', { name: 'Look again' }).click();
  await expect(doctor).toContainText('There has been a handshake');
  await connect(page).click();
  await expect(status(page)).toContainText('Connected');
  await expect(alert(page).first()).toBeEmpty();
});

test('a browser without WebAssembly SIMD is named', async ({ command }) => {
  const browser = await chromium.launch({
    ...chromiumOptions,
    args: [...chromiumOptions.args!, '--js-flags=--no-enable-sse4-1 --no-enable-ssse3'],
  });
  const page = await browser.newPage();
  await page.goto(command.url);
  await page.getByRole('button', { name: 'Try the demo network' }).click();
  await expect(alert(page)).toContainText('lacks WebAssembly SIMD');
  await page.getByText('Diagnose', { exact: true }).click();
  const doctor = region(page, 'Path doctor');
  await doctor.getByRole('button', { name: 'Test the way' }).click();
  await expect(doctor).toContainText('lacks WebAssembly SIMD');
  await expect(doctor.getByRole('status')).toContainText('works up to here: this page');
  await browser.close();
});

test('what is saved where the browser promises nothing says so, and not where it does', async ({
  console: page,
}) => {
  // Nobody has been here before or installed the page: Chromium refuses by itself, without a question.
  expect(await page.evaluate(() => navigator.storage.persist())).toBe(false);
  const form = region(page, 'Configuration');
  const save = async (name: string) => {
    await editor(page).fill((await enrol(page)).config);
    await form.getByText('Keep this tunnel').click();
    await form.getByLabel('Name', { exact: true }).fill(name);
    await form.getByRole('button', { name: 'Save in this browser' }).click();
    await expect(form).toContainText(`“${name}” is kept in this browser`);
    const button = form.getByRole('button', { name: 'Save in this browser' });
    await expect(button, 'the browser was asked for a promise').toHaveAttribute('aria-disabled', 'false');
  };
  await save('Office');
  await expect(form).toContainText('This browser may delete it when it needs room');
  await page.getByText('Diagnose', { exact: true }).click();
  const doctor = region(page, 'Path doctor');
  await doctor.getByRole('button', { name: 'Test the way' }).click();
  await expect(doctor).toContainText('has not promised to keep the saved tunnels');

  // As somebody has it who installed the page.
  const { targetInfo } = await (await page.context().newCDPSession(page)).send('Target.getTargetInfo');
  const session = await page.context().browser()!.newBrowserCDPSession();
  const { browserContextId } = targetInfo;
  await session.send('Browser.grantPermissions', {
    permissions: ['durableStorage'],
    ...(browserContextId && { browserContextId }),
  });
  await page.reload();
  await save('Home');
  await expect(form).not.toContainText('may delete it');
  expect(await page.evaluate(() => navigator.storage.persisted())).toBe(true);
});

test('leaving while something is under way asks first, a saved tunnel comes back by itself', async ({
  console: page,
}) => {
  await editor(page).fill((await enrol(page)).config);
  await page.getByText('Keep this tunnel').click();
  await page.getByLabel('Name', { exact: true }).fill('Office');
  await page.getByRole('button', { name: 'Save in this browser' }).click();
  await region(page, 'Tunnels').getByRole('button', { name: 'Open Office' }).click();
  await connect(page).click();
  await expect(status(page)).toContainText('Connected');
  const asked: string[] = [];
  page.on('dialog', (dialog) => {
    asked.push(dialog.type());
    void dialog.accept();
  });
  await page.reload();
  expect(asked, 'nothing is under way').toEqual([]);
  await expect(status(page)).toContainText('Connected');
  const trace = region(page, 'Traceroute');
  await trace.getByLabel('Address').fill('10.86.77.77');
  await trace.getByRole('button', { name: 'Trace' }).click();
  await page.reload();
  expect(asked).toEqual(['beforeunload']);
  await page.getByRole('button', { name: 'Disconnect' }).click();
  await expect(status(page)).toContainText('Not connected');
  await page.reload();
  await expect(region(page, 'Tunnels')).toContainText('Office');
  await expect(status(page)).toContainText('Not connected');
  expect(page.workers(), 'what was disconnected stays so').toEqual([]);
});
