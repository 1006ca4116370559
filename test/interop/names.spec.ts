import { join } from 'node:path';
import type { Page } from '@playwright/test';
import type { DnsQueryType, DnsRecord } from '../../src/index.ts';
import { DNS_RECORDS, Dnsmasq } from '../support/dnsmasq.ts';
import { expect, test } from '../support/interop-test.ts';
import type { Lab } from '../support/lab.ts';
import type { Namespace } from '../support/namespace.ts';
import { dig } from '../support/programs.ts';
import { INNER } from '../support/real-peer.ts';

/** A record as `dig` prints it, without its TTL. */
function printed(record: DnsRecord): string {
  const name = record.name === '.' ? '.' : `${record.name}.`;
  return `${name} IN ${record.type} ${dataOf(record)}`;
}

function dataOf(record: DnsRecord): string {
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return record.address;
    case 'CNAME':
    case 'NS':
    case 'PTR':
      return `${record.target}.`;
    case 'MX':
      return `${record.preference} ${record.exchange}.`;
    case 'SRV':
      return `${record.priority} ${record.weight} ${record.port} ${record.target}.`;
    case 'TXT':
      return record.strings.map((text) => `"${text}"`).join(' ');
    default:
      throw new Error(`${record.type} is not compared`);
  }
}

function withoutTtl(line: string): string {
  return line.replace(/^(\S+)\s+\d+\s+IN\s+(\S+)\s+/, '$1 IN $2 ');
}

/** Opens the tunnel with these lines in its file, beside addresses that it reaches through the peer. */
async function openWith(page: Page, lab: Lab, dns: string): Promise<void> {
  const config = lab.config
    .replace('\n\n[Peer]', `\nDNS = ${dns}\n\n[Peer]`)
    .replace(/AllowedIPs = .*/, 'AllowedIPs = 10.98.0.0/24, fd98::/64');
  await page.evaluate(
    async ([config, relay]) => {
      window.tunnel = await window.tabwire.Tunnel.open(config, { relay });
      await window.tunnel.ready;
    },
    [config, lab.relay.url] as const,
  );
}

function resolve(page: Page, name: string, type: DnsQueryType): Promise<DnsRecord[]> {
  return page.evaluate(([name, type]) => window.tunnel.resolve(name, type), [name, type] as const);
}

/** Answers to many questions, asked by one `dig`, in order. */
async function digAll(
  namespace: Namespace,
  server: string,
  questions: [string, string][],
): Promise<string[][]> {
  const child = namespace.start('dig', [`@${server}`, '+noall', '+question', '+answer', '-f', '-'], {
    input: questions.map((question) => `${question.join(' ')}\n`).join(''),
  });
  expect(await child.exited).toBe(0);
  // A section begins with its question, behind a semicolon.
  const sections = child.output.split(/^;(?=\S+\s+IN\s)/m).slice(1);
  expect(sections).toHaveLength(questions.length);
  return sections.map((section) => section.split('\n').slice(1).filter(Boolean));
}

test('names are resolved as dig resolves them, over UDP and TCP, and found by sockets @core', async ({
  page,
  startLab,
}) => {
  const lab = await startLab({ files: [100_000] });
  const server = await Dnsmasq.inside(lab.peer.namespace, [
    `--host-record=web.inside.test,${INNER.peer4},${INNER.peer6}`,
    '--mx-host=inside.test,mail.inside.test,10',
    '--srv-host=_sip._tcp.inside.test,web.inside.test,5060,1,2',
  ]);
  await openWith(page, lab, `${INNER.peer4}, inside.test`);
  const { host, alias, large } = DNS_RECORDS;
  const questions: [string, DnsQueryType][] = [
    [host.name, 'A'],
    [host.name, 'AAAA'],
    [alias, 'CNAME'],
    [alias, 'A'],
    [large.name, 'TXT'],
    ['inside.test', 'MX'],
    ['_sip._tcp.inside.test', 'SRV'],
  ];
  for (const [name, type] of questions) {
    const answer = await dig(lab.peer.namespace, INNER.peer4, 53, name, type);
    expect(answer.status, name).toBe('NOERROR');
    // dig shows the alias before what it leads to; we give what was asked for.
    const expected = answer.answer.map(withoutTtl).filter((line) => line.split(' ')[2] === type);
    expect(expected.length, name).toBeGreaterThan(0);
    expect((await resolve(page, name, type)).map(printed).sort(), name).toEqual(expected.sort());
  }
  // The large text was asked for over UDP, came truncated, and was asked for again over TCP: by dig, and by us.
  const truncated = await dig(lab.peer.namespace, INNER.peer4, 53, large.name, 'TXT', '+ignore');
  expect(truncated.flags).toContain('tc');
  expect([...server.output.matchAll(/query\[TXT\] large\.inside\.test from 10\.98\.0\.2/gi)]).toHaveLength(2);

  const gone = await page.evaluate(() => window.page.failure(window.tunnel.resolve('gone.inside.test')));
  expect((await dig(lab.peer.namespace, INNER.peer4, 53, 'gone.inside.test', 'A')).status).toBe('NXDOMAIN');
  expect(gone).toMatchObject({ name: 'TunnelError', code: 'ERR_NAME_NOT_RESOLVED' });
  expect(gone.message).toContain(`does not exist, says DNS server ${INNER.peer4}`);

  // By its short name, found in the search domain; over IPv6 first.
  const [file] = lab.nginx!.files;
  const { download, remote } = await page.evaluate(async (path) => {
    const download = await window.page.download(window.tunnel, 'web', path);
    const socket = new window.tunnel.TCPSocket('web', 80, { dnsQueryType: 'ipv4' });
    const { remoteAddress } = await socket.opened;
    await socket.close();
    return { download, remote: remoteAddress };
  }, file!.path);
  expect(download).toMatchObject({ status: 200, bytes: file!.size, sha256: file!.sha256 });
  expect(remote).toBe(INNER.peer4);
  const replies = await page.evaluate(() =>
    window.page.pings(window.tunnel, 'web.inside.test', { count: 2, interval: 20 }),
  );
  expect(replies).toMatchObject([{ ok: true }, { ok: true }]);
});

test('200 names of all sorts at once are what dig says, with a first server that is dead', async ({
  page,
  startLab,
}) => {
  const lab = await startLab();
  const { namespace } = lab.peer;
  await namespace.exec('ip', 'addr', 'add', '10.98.0.53/32', 'dev', namespace.name);
  await namespace.exec('ip', 'addr', 'add', '10.98.0.54/32', 'dev', namespace.name);
  const records: string[] = [];
  const questions: [string, DnsQueryType][] = [];
  for (let i = 0; i < 40; i++) {
    records.push(
      `--host-record=h${i}.many.test,10.1.${i}.1,fd01::${i}`,
      `--cname=alias${i}.many.test,h${i}.many.test`,
      `--txt-record=t${i}.many.test,text ${i},${'long '.repeat(i)}`,
      `--srv-host=_s${i}._tcp.many.test,h${i}.many.test,${1000 + i},${i},${i}`,
      `--mx-host=m${i}.many.test,h${i}.many.test,${i}`,
    );
    questions.push(
      [`h${i}.many.test`, i % 2 === 0 ? 'A' : 'AAAA'],
      [`alias${i}.many.test`, 'A'],
      [`t${i}.many.test`, 'TXT'],
      [`_s${i}._tcp.many.test`, 'SRV'],
      [`m${i}.many.test`, 'MX'],
    );
  }
  await Dnsmasq.inside(namespace, [
    ...records,
    '--bind-interfaces',
    `--listen-address=${INNER.peer4}`,
    '--dns-forward-max=1000',
  ]);
  const late = (address: string, delay: string) =>
    namespace.start(process.execPath, [
      '--import',
      'tsx',
      join(import.meta.dirname, '../support/inner-late-dns.ts'),
      address,
      delay,
      INNER.peer4,
    ]);
  const dead = late('10.98.0.53', 'never');
  await dead.saw(/^ready$/m);
  await openWith(page, lab, `10.98.0.53, ${INNER.peer4}`);

  const answers = await page.evaluate(
    (questions) => Promise.all(questions.map(([name, type]) => window.tunnel.resolve(name, type))),
    questions,
  );
  expect(Number([...dead.output.matchAll(/^queries (\d+)$/gm)].pop()![1])).toBe(200);
  const judged = await digAll(namespace, INNER.peer4, questions);
  for (const [index, [name, type]] of questions.entries()) {
    const expected = judged[index]!.map(withoutTtl).filter((line) => line.split(' ')[2] === type);
    expect(expected.length, name).toBeGreaterThan(0);
    expect(answers[index]!.map(printed).sort(), name).toEqual(expected.sort());
  }

  // One that takes 1.6 s is slower than our patience of one second, and is heard all the same.
  const slow = late('10.98.0.54', '1600');
  await slow.saw(/^ready$/m);
  const slowly = await page.evaluate(
    async (config) => {
      await window.tunnel.configure(config);
      const started = performance.now();
      const records = await window.tunnel.resolve('h7.many.test');
      return { records, took: performance.now() - started };
    },
    lab.config
      .replace('\n\n[Peer]', '\nDNS = 10.98.0.54\n\n[Peer]')
      .replace(/AllowedIPs = .*/, 'AllowedIPs = 10.98.0.0/24, fd98::/64'),
  );
  expect(slowly.records).toMatchObject([{ address: '10.1.7.1' }]);
  expect(slowly.took).toBeGreaterThanOrEqual(1600);
  expect(slowly.took).toBeLessThan(2900);
});
