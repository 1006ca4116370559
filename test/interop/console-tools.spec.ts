// The console's tools on unmodified programs behind an unmodified WireGuard: dnsmasq, nginx, iperf3.

import { readFile } from 'node:fs/promises';
import type { Page } from '@playwright/test';
import { formatBytes } from '../../web/format.ts';
import type { Child } from '../support/child-process.ts';
import { connect, editor, region, status } from '../support/console-test.ts';
import { DNS_RECORDS, Dnsmasq } from '../support/dnsmasq.ts';
import { expect, test } from '../support/interop-test.ts';
import type { Lab } from '../support/lab.ts';
import type { Namespace } from '../support/namespace.ts';
import { reachOf } from '../support/plots.ts';
import { INNER } from '../support/real-peer.ts';
import { BEHIND, Routers } from '../support/routers.ts';

/** Connected, as somebody whose file names a DNS server. */
async function connected(page: Page, lab: Lab, more: readonly string[] = []): Promise<void> {
  const routes = (line: string) => [line, ...more].join(', ');
  await editor(page).fill(
    lab.config.replace('\n[Peer]', `DNS = ${INNER.peer4}\n\n[Peer]`).replace(/^AllowedIPs = .*$/m, routes),
  );
  await page.getByRole('textbox', { name: 'Relay' }).fill(lab.relay.url);
  await connect(page).click();
  await expect(status(page)).toContainText('Connected');
}

/** Says what it was asked, as JSON in one line. */
const ECHO = `
require('node:http').createServer((request, response) => {
  const { method, url, headers } = request;
  let body = '';
  request.setEncoding('utf8').on('data', (text) => (body += text));
  request.on('end', () => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ method, url, headers, body }));
  });
}).listen(8080, '::');
`;

/** What iperf3's server counted of each test so far, in bytes. */
function counted({ output }: Child): { sent: number; received: number }[] {
  const reports = output.split(/^(?=\{$)/m).filter((text) => text.trimEnd().endsWith('\n}'));
  return reports.map((text) => {
    const { end } = JSON.parse(text) as { end: Record<'sum_sent' | 'sum_received', { bytes: number }> };
    return { sent: end.sum_sent.bytes, received: end.sum_received.bytes };
  });
}

test('a throughput test against iperf3 -s says what iperf3 says, both ways', async ({ page, startLab }) => {
  const lab = await startLab({ site: 'console' });
  const server = lab.peer.namespace.start('iperf3', ['-s', '-J']);
  await expect.poll(() => lab.peer.namespace.exec('ss', '-Hltn', 'sport = :5201')).not.toBe('');
  await connected(page, lab);
  const panel = region(page, 'Throughput test');
  await panel.getByLabel('Against').selectOption('iperf3');
  await panel.getByLabel('Address').fill(INNER.peer4);
  await panel.getByLabel('Seconds').fill('2');

  await panel.getByLabel('Direction').selectOption('upload');
  await panel.getByRole('button', { name: 'Start test' }).click();
  await expect(panel.getByRole('status')).toContainText(/ in 2\.\d+ s sent, \d+ segments sent again\.$/);
  await expect.poll(() => counted(server)).toHaveLength(1);
  const [upload] = counted(server);
  expect(upload!.received).toBeGreaterThan(1e6);
  await expect(panel.getByRole('status')).toContainText(`${formatBytes(upload!.received)} in`);

  await panel.getByLabel('Address').fill(`[${INNER.peer6}]:5201`);
  await panel.getByLabel('Direction').selectOption('download');
  await panel.getByRole('button', { name: 'Start test' }).click();
  await expect(panel.getByRole('status')).toContainText(/ in 2\.\d+ s received\.$/);
  await expect.poll(() => counted(server)).toHaveLength(2);
  const [amount, unit] = (await panel.getByRole('status').innerText()).split(' ');
  const received = Number(amount) * { kB: 1e3, MB: 1e6, GB: 1e9 }[unit as 'MB'];
  const { sent } = counted(server)[1]!;
  expect(received).toBeGreaterThan(1e6);
  // What was under way when the time was over is not counted here, and what iperf3's socket still held is there.
  expect(received / sent).toBeGreaterThan(0.5);
  expect(received / sent).toBeLessThan(1.01);
});

test('an upload whose large packets are lost on the way says so by itself, and what to try', async ({
  page,
  startLab,
}) => {
  const lab = await startLab({ site: 'console', proxy: true });
  lab.proxy!.impair({ longest: 1200 });
  const server = lab.peer.namespace.start('iperf3', ['-s', '-J']);
  await expect.poll(() => lab.peer.namespace.exec('ss', '-Hltn', 'sport = :5201')).not.toBe('');
  await connected(page, lab);
  const alert = status(page).getByRole('alert');
  await expect(alert).toBeEmpty();
  const panel = region(page, 'Throughput test');
  const upload = async (seconds: number) => {
    await panel.getByLabel('Against').selectOption('iperf3');
    await panel.getByLabel('Address').fill(INNER.peer4);
    await panel.getByLabel('Seconds').fill(String(seconds));
    await panel.getByLabel('Direction').selectOption('upload');
    await panel.getByRole('button', { name: 'Start test' }).click();
  };
  await upload(6);
  await expect(alert).toHaveText(
    'Large packets were lost on the way again and again while smaller ones arrived: write a smaller MTU than 1420 under [Interface], such as 1280, connect again, and let “Diagnose” test the way.',
    { timeout: 15_000 },
  );
  await expect(status(page).getByRole('status')).toContainText('Connected');
  await expect.poll(() => counted(server), { timeout: 15_000 }).toHaveLength(1);
  expect(counted(server)[0]!.received, 'it went on').toBeGreaterThan(100_000);

  // What it says to try helps.
  await page.getByRole('button', { name: 'Disconnect' }).click();
  await expect(alert).toBeEmpty();
  const text = await editor(page).inputValue();
  await editor(page).fill(text.replace('[Interface]\n', '[Interface]\nMTU = 1100\n'));
  await connect(page).click();
  await expect(status(page)).toContainText('Connected');
  await upload(3);
  await expect.poll(() => counted(server)).toHaveLength(2);
  expect(counted(server)[1]!.received).toBeGreaterThan(100_000);
  await expect(alert).toBeEmpty();
});

test('names are looked up at dnsmasq, a web server is asked by its name, and ports and hops are found', async ({
  page,
  startLab,
}) => {
  const lab = await startLab({ site: 'console', files: [1000] });
  const name = 'web.inside.test';
  const dnsmasq = await Dnsmasq.inside(lab.peer.namespace, [
    `--host-record=${name},${INNER.peer4},${INNER.peer6}`,
  ]);
  try {
    await connected(page, lab);
    const lookup = region(page, 'DNS lookup');
    await lookup.getByLabel('Name').fill(DNS_RECORDS.host.name);
    await lookup.getByRole('button', { name: 'Look up' }).click();
    await expect(lookup.getByRole('row', { name: `A ${DNS_RECORDS.host.ipv4}` })).toBeVisible();
    await expect(lookup.getByRole('row', { name: /^AAAA fd98::7:7/ })).toBeVisible();
    await lookup.getByLabel('Name').fill('nobody.inside.test');
    await lookup.getByLabel('Name').press('Enter');
    await expect(lookup.getByRole('alert')).toContainText('nobody.inside.test');

    const http = region(page, 'HTTP request');
    await http.getByLabel('URL').fill(`http://${name}${lab.nginx!.files[0]!.path}`);
    await http.getByRole('button', { name: 'Send' }).click();
    await expect(http.getByRole('status')).toContainText('200 OK · 1.00 kB');
    await http.getByText(/^\d+ headers$/).click();
    await expect(http.getByRole('row', { name: /^server nginx/i })).toBeVisible();

    const ports = region(page, 'Port check');
    await ports.getByLabel('Address').fill(name);
    await ports.getByLabel('Ports').fill('53, 80-81');
    await ports.getByRole('button', { name: 'Check' }).click();
    await expect(ports.getByRole('status')).toHaveText('2 open, 1 closed.');
    const trace = region(page, 'Traceroute');
    await trace.getByLabel('Address').fill(name);
    await trace.getByRole('button', { name: 'Trace' }).click();
    await expect(trace.getByRole('status')).toHaveText('Reached in 1 hop.');
  } finally {
    await dnsmasq.stop();
  }
});

test('a request carries its headers and its body, JSON is laid out, and what is saved is what came', async ({
  page,
  startLab,
}) => {
  const lab = await startLab({ site: 'console', files: [300_000] });
  const [file] = lab.nginx!.files;
  const echo = lab.peer.namespace.start(process.execPath, ['-e', ECHO]);
  await expect.poll(() => lab.peer.namespace.exec('ss', '-Hltn', 'sport = :8080')).not.toBe('');
  await connected(page, lab);
  const http = region(page, 'HTTP request');
  const sent = '{"größe": 3, "list": [1, 2]}\nsecond line';
  await http.getByLabel('Method').selectOption('PUT');
  await http.getByLabel('URL').fill(`http://[${INNER.peer6}]:8080/a%20b?c=d`);
  await http.getByText('Headers and body').click();
  await http.getByRole('textbox', { name: 'Headers' }).fill('X-One: 1\nContent-Type: application/json\n');
  await http.getByRole('textbox', { name: 'Body' }).fill(sent);
  await http.getByRole('button', { name: 'Send' }).click();
  await expect(http.getByRole('status')).toContainText('200 OK');
  const shown = await http.getByRole('region', { name: 'Body' }).locator('pre').innerText();
  const asked = JSON.parse(shown) as { headers: Record<string, string> };
  expect(shown).toBe(JSON.stringify(asked, undefined, 2));
  expect(asked).toMatchObject({
    method: 'PUT',
    url: '/a%20b?c=d',
    body: sent,
    headers: {
      host: `[${INNER.peer6}]:8080`,
      'x-one': '1',
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(sent)),
    },
  });
  const save = async () => {
    const saving = page.waitForEvent('download');
    await http.getByRole('button', { name: 'Save body' }).click();
    return readFile(await (await saving).path());
  };
  expect((await save()).toString(), 'as it came, not as it is laid out').toBe(JSON.stringify(asked));

  await http.getByLabel('Method').selectOption('GET');
  await http.getByLabel('URL').fill(`http://${INNER.peer4}${file!.path}`);
  await http.getByRole('button', { name: 'Send' }).click();
  await expect(http.getByRole('status')).toContainText('200 OK · 300 kB');
  await expect(http).toContainText('The body is not text.');
  expect((await save()).equals(lab.nginx!.read(file!))).toBe(true);
  await echo.stop();
});

test('pings are plotted as they come and summed up, those that are lost too', async ({ page, startLab }) => {
  const lab = await startLab({ site: 'console' });
  await connected(page, lab);
  const ping = region(page, 'Ping');
  await ping.getByLabel('Address').fill(INNER.peer4);
  await ping.getByRole('button', { name: 'Start ping' }).click();
  const figure = ping.getByRole('figure');
  await expect(ping).toContainText(/Lost\s*0 of [3-9]/);
  await expect.poll(() => reachOf(figure, 0), 'a curve that is not zero').toBeGreaterThan(0.25);
  const numbers = /Minimum([\d.]+) (µs|ms)Average([\d.]+) (µs|ms)Maximum([\d.]+) (µs|ms)/;
  const [, min, , average, , max] = numbers.exec((await ping.locator('.numbers').textContent())!)!;
  expect(Number(min)).toBeLessThanOrEqual(Number(average));
  expect(Number(average)).toBeLessThanOrEqual(Number(max));
  await expect(
    ping.getByRole('list', { name: 'Latest replies' }).getByRole('listitem').first(),
  ).toContainText(/#\d+\s*[\d.]+ ms/);
  await lab.peer.exec('sysctl', '-qw', 'net.ipv4.icmp_echo_ignore_all=1');
  await expect(ping).toContainText(/Lost\s*[1-9]\d* of \d+\s*[1-9]\d*(\.\d+)? %/);
  await expect(ping.locator('.reading-value')).toHaveText('no answer');
  await ping.getByRole('button', { name: 'Stop ping' }).click();
  await expect(ping.getByRole('button', { name: 'Start ping' })).toBeVisible();
});

test('a trace lists every router on the way, by either kind of probe', async ({ page, startLab }) => {
  const lab = await startLab({ site: 'console' });
  const routers = await Routers.behind(lab.peer);
  try {
    await connected(page, lab, [BEHIND.prefixes]);
    // Links that have just come up carry nothing yet.
    const answers = (from: Namespace, to: string) => from.exec('ping', '-nq', '-c1', '-w10', to);
    for (const to of [BEHIND.near4, BEHIND.near6]) await answers(lab.peer.namespace, to);
    for (const to of [BEHIND.host4, BEHIND.host6]) await answers(routers.near, to);
    const trace = region(page, 'Traceroute');
    const hops = trace.getByRole('table', { name: 'Hops' }).getByRole('row');
    for (const [host, probes, addresses] of [
      [BEHIND.host4, 'ICMP', [INNER.peer4, BEHIND.near4, BEHIND.far4, BEHIND.host4]],
      [BEHIND.host6, 'UDP', [INNER.peer6, BEHIND.near6, BEHIND.far6, BEHIND.host6]],
    ] as const) {
      await trace.getByLabel('Address').fill(host);
      await trace.getByLabel('Probes').selectOption(probes);
      await trace.getByRole('button', { name: 'Trace' }).click();
      await expect(trace.getByRole('status')).toHaveText('Reached in 4 hops.');
      await expect(hops).toHaveText([
        /^Hop/,
        ...addresses.map((address, at) => new RegExp(`^${at + 1}${address}[\\d.]+ ms0 of \\d+$`)),
      ]);
    }
  } finally {
    await routers.down();
  }
});
