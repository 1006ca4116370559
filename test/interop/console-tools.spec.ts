// The console's tools on unmodified programs behind an unmodified WireGuard: dnsmasq, nginx, iperf3.
import type { Page } from '@playwright/test';
import { formatBytes } from '../../web/format.ts';
import type { Child } from '../support/child-process.ts';
import { connect, editor, region, status } from '../support/console-test.ts';
import { DNS_RECORDS, Dnsmasq } from '../support/dnsmasq.ts';
import { expect, test } from '../support/interop-test.ts';
import type { Lab } from '../support/lab.ts';
import { INNER } from '../support/real-peer.ts';

/** Connected, as somebody whose file names a DNS server. */
async function connected(page: Page, lab: Lab): Promise<void> {
  await editor(page).fill(lab.config.replace('\n[Peer]', `DNS = ${INNER.peer4}\n\n[Peer]`));
  await page.getByRole('textbox', { name: 'Relay' }).fill(lab.relay.url);
  await connect(page).click();
  await expect(status(page)).toContainText('Connected');
}

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
