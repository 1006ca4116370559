import type { Page } from '@playwright/test';
import { connect, editor, enrol, region } from '../support/console-test.ts';
import { openTerminal, trust } from '../support/terminal-page.ts';

const HOST = 'demo.internal';
/** So long that plots have something to show, in ms. */
const WATCHED = 8000;

export interface Shot {
  name: string;
  /** Absent: what fits the window. */
  region?: string;
  /** The whole page, however long. */
  isWhole?: boolean;
}

/** What stands in web/screenshots. */
export const KEPT = new Set([
  ...['start', 'configuration', 'form', 'share', 'no-answer', 'connected', 'terminal', 'tools'],
  ...['instruments', 'sockets', 'packets', 'throughput', 'doctor', 'log'],
  ...['tunnels', 'scan', 'invitation', 'host-key', 'known-hosts', 'forwards'],
  ...['ping', 'download', 'http-request'],
]);

/** Each begins with a fresh page, and says what to take where. */
export const JOURNEYS: Record<string, (page: Page) => AsyncGenerator<Shot>> = {
  async *idle(page) {
    await page.getByRole('button', { name: 'Try the demo network' }).waitFor();
    yield { name: 'start' };
    await editor(page).fill((await enrol(page)).config);
    yield { name: 'configuration' };
    await page.getByRole('button', { name: 'Scan QR' }).click();
    await page.waitForTimeout(500);
    yield { name: 'scan' };
    await page.getByText('Keep this tunnel').click();
    await page.getByRole('textbox', { name: 'Name' }).fill('Office');
    await page.getByRole('button', { name: 'Keep in this tab' }).click();
    await page.getByRole('button', { name: 'Open Office' }).waitFor();
    yield { name: 'tunnels', region: 'Tunnels' };
    await page.getByText('Share, move or export it').click();
    await page.getByRole('button', { name: 'Invite somebody' }).click();
    await page.getByRole('img', { name: 'QR code of the invitation' }).waitFor();
    yield { name: 'share', region: 'Configuration' };
    const link = (await page.locator('.share pre').textContent())!;
    await page.evaluate((hash) => (location.hash = hash), link.slice(link.indexOf('#')));
    await region(page, 'Invitation').waitFor();
    yield shotOf('Invitation');
    await page.getByRole('button', { name: 'Leave it' }).click();
    await page.getByRole('button', { name: 'Edit as form' }).click();
    await page.getByRole('group', { name: 'Peer' }).waitFor();
    yield { name: 'form', region: 'Configuration' };
  },

  async *silence(page) {
    const { config } = await enrol(page);
    await editor(page).fill(config.replace(/^PrivateKey = .*$/m, `PrivateKey = ${'A'.repeat(42)}E=`));
    await connect(page).click();
    await page.getByRole('alert').filter({ hasText: 'No answer' }).waitFor({ timeout: 25_000 });
    yield { name: 'no-answer' };
  },

  async *demo(page) {
    await page.getByRole('button', { name: 'Try the demo network' }).click();
    const download = region(page, 'Download');
    await download.getByText('SHA-256').waitFor();
    await region(page, 'Instruments').waitFor();
    await page.waitForTimeout(WATCHED / 2);
    await download.getByRole('button', { name: 'Download' }).click();
    await page.waitForTimeout(WATCHED / 2);
    yield { name: 'connected' };
    for (const name of ['Status', 'Instruments', 'Ping', 'Download']) yield shotOf(name);
    yield* terminal(page);
    yield* tools(page);
    yield* details(page);
    yield* strangers(page);
  },
};

async function* terminal(page: Page): AsyncGenerator<Shot> {
  const screen = page.getByRole('tabpanel', { name: `guest@${HOST}` });
  await screen.filter({ hasText: 'guest@demo:~$' }).waitFor();
  await screen.getByRole('textbox', { name: 'Terminal input' }).focus();
  await page.keyboard.type('ls -l\ncat README.txt\n');
  await region(page, 'Terminal').getByRole('button', { name: 'Open files' }).click();
  await page.getByRole('button', { name: 'Rename README.txt' }).waitFor();
  yield { name: 'terminal', region: 'Terminal' };
}

/** Another terminal, of which nothing was known before. */
async function* strangers(page: Page): AsyncGenerator<Shot> {
  await region(page, 'Terminal')
    .getByRole('button', { name: /^Close / })
    .click();
  await openTerminal(page, { host: '10.86.0.1', user: 'guest' });
  await page.getByRole('alertdialog', { name: 'Host key' }).waitFor();
  yield { name: 'host-key', region: 'Terminal' };
  await trust(page);
  await page.getByRole('tabpanel').filter({ hasText: 'guest@demo:~$' }).waitFor();
  const folded = (title: RegExp) => region(page, 'Terminal').locator('summary').filter({ hasText: title });
  await folded(/^Known hosts/).click();
  yield { name: 'known-hosts', region: 'Terminal' };
  await folded(/^Known hosts/).click();
  await folded(/^Forwards/).click();
  for (const [host, port] of [
    ['127.0.0.1', '8080'],
    ['printer.internal', '80'],
  ] as const) {
    await page.getByLabel('Host over there').fill(host);
    await page.getByLabel('Port over there').fill(port);
    await page.getByRole('button', { name: 'Add forward' }).click();
  }
  yield { name: 'forwards', region: 'Terminal' };
}

async function* tools(page: Page): AsyncGenerator<Shot> {
  const packets = region(page, 'Packets');
  await packets.getByRole('button', { name: 'Start capture' }).click();
  const http = region(page, 'HTTP request');
  await http.getByLabel('URL').fill(HOST);
  await http.getByRole('button', { name: 'Send' }).click();
  await http.getByText(/^\d+ headers$/).click();
  const ports = region(page, 'Port check');
  await ports.getByLabel('Address').fill(HOST);
  await ports.getByLabel('Ports').fill('7, 9, 22, 80, 443');
  await ports.getByRole('button', { name: 'Check' }).click();
  await region(page, 'Traceroute').getByLabel('Address').fill(HOST);
  await region(page, 'Traceroute').getByRole('button', { name: 'Trace' }).click();
  const mtu = region(page, 'Path MTU');
  await mtu.getByLabel('Address').fill(HOST);
  await mtu.getByRole('button', { name: 'Measure' }).click();
  await region(page, 'DNS lookup').getByLabel('Name').fill(HOST);
  await region(page, 'DNS lookup').getByRole('button', { name: 'Look up' }).click();
  await mtu.getByRole('status').filter({ hasText: 'whole' }).waitFor();
  await packets.getByRole('row').nth(6).waitFor();
  for (const name of ['Packets', 'HTTP request']) yield shotOf(name);
  await packets.getByRole('button', { name: 'Stop' }).click();
  const throughput = region(page, 'Throughput test');
  await throughput.getByLabel('Seconds').fill('3');
  await throughput.getByRole('button', { name: 'Start test' }).click();
  await page.waitForTimeout(1500);
  yield { name: 'sockets', region: 'Sockets and peers' };
  await throughput.getByRole('status').filter({ hasText: 'received' }).waitFor();
  yield { name: 'throughput', region: 'Throughput test' };
  yield { name: 'tools', isWhole: true };
}

async function* details(page: Page): AsyncGenerator<Shot> {
  await page.getByText('Diagnose', { exact: true }).click();
  await region(page, 'Path doctor').getByRole('listitem').nth(4).waitFor();
  yield { name: 'doctor', region: 'Path doctor' };
  await page.getByText('Log', { exact: true }).click();
  await page.getByRole('table', { name: 'Log lines' }).waitFor();
  yield { name: 'log', region: 'Log' };
}

/** `HTTP request` is `http-request`. */
function shotOf(name: string): Shot {
  return { name: name.toLowerCase().replaceAll(' ', '-'), region: name };
}
