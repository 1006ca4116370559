// `tabwire relay --workers`: several processes at one port.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { readWorkers } from '../../src/cli/relay-options.ts';
import { GOAWAY, TICKET } from '../../src/core/wire/relay.ts';
import { data, FakeEndpoint, initiation } from '../relay/fake-endpoint.ts';
import { RelayClient } from '../relay/relay-client.ts';
import { Child, run, until } from '../support/child-process.ts';
import { freeTcpPort } from '../support/free-port.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const main = join(import.meta.dirname, '../../src/cli/main.ts');

async function start(...args: string[]) {
  const peer = await FakeEndpoint.open();
  cleanups.push(() => peer.close());
  const admin = await freeTcpPort();
  const where = ['--listen', '127.0.0.1:0', '--admin', `127.0.0.1:${admin}`];
  const what = ['--allow', `127.0.0.1:${peer.port}`, '--allow-no-origin', '--workers', '2'];
  const child = new Child(process.execPath, ['--import', 'tsx', main, 'relay', ...where, ...what, ...args]);
  cleanups.push(() => child.stop('SIGKILL'));
  const ask = (path: string) => fetch(`http://127.0.0.1:${admin}${path}`);
  const starts = () =>
    [...child.output.matchAll(/"worker":(\d+),"event":"start"/g)].map((match) => match[1]!);
  await until('both workers', () => starts().length === 2, 40_000);
  const url = /relay: (ws:\S+)/.exec((await child.saw(/relay: ws:\S+/))[0])![1]!;
  const connect = async (): Promise<RelayClient> => {
    const client = await RelayClient.connect(url);
    cleanups.push(() => client.close());
    client.send([0, client.open(1, peer.port)], [1, initiation(7)]);
    await until('the response', () => client.datagrams.length === 1);
    return client;
  };
  return { child, peer, ask, starts, connect };
}

describe('workers', { timeout: 90_000 }, () => {
  it('share a port, count together, take other’s place when one dies, and drain together', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tabwire-workers-'));
    cleanups.push(() => rmSync(folder, { recursive: true }));
    const config = join(folder, 'relay.json');
    writeFileSync(config, JSON.stringify({ drain: { delay: 0.3, spread: 0.5, notice: 1, max: 20 } }));
    const { child, peer, ask, starts, connect } = await start('--config', config);
    const clients = [await connect(), await connect(), await connect(), await connect()];
    // Each has its own UDP port: nobody hears what is for another.
    for (const client of clients) client.send([1, data(peer.index)]);
    await until('the echoes', () => clients.every(({ datagrams }) => datagrams.length === 2));

    const accepted = [...child.output.matchAll(/"sid":"\w+".*?"worker":(\d+),"event":"accept"/g)].map(
      (match) => match[1],
    );
    expect(new Set(accepted)).toEqual(new Set(['1', '2']));
    const metrics = await (await ask('/metrics')).text();
    expect(metrics).toMatch(/^wgrelay_sessions 4$/m);
    expect(metrics).toMatch(/^wgrelay_upgrades_total{result="accepted"} 4$/m);
    expect((await ask('/readyz')).status).toBe(200);
    expect((await ask('/healthz')).status).toBe(200);

    const children = await run('ps', ['-o', 'pid=,args=', '--ppid', String(child.pid)]);
    const [pid] = /\d+(?= .*main\.ts)/.exec(children)!;
    process.kill(Number(pid), 'SIGKILL');
    await until('another worker', () => starts().length === 3, 40_000);
    expect(child.output).toContain('a worker ended (SIGKILL); another starts in 200 ms');
    await (await connect()).close();

    child.process.kill('SIGHUP');
    await until('both reloads', () => (child.output.match(/"event":"config"/g) ?? []).length === 2);
    // Each tells its clients one by one, with a ticket, and serves those that stay until they must go.
    const [one, other] = [await connect(), await connect()];
    const told = clients.concat(one, other).filter(({ closed }) => closed === undefined);
    const ticketsBefore = told.map((client) => client.of(TICKET).length);
    child.process.kill('SIGTERM');
    await until('every GOAWAY', () => told.every((client) => client.of(GOAWAY).length > 0), 20_000);
    expect((await ask('/readyz')).status).toBe(503);
    expect(told.map((client) => client.of(GOAWAY)[0]!.reconnectWithin)).toEqual(told.map(() => 1000));
    expect(told.map((client) => client.of(TICKET).length)).toEqual(ticketsBefore.map((count) => count + 1));
    expect(await child.exited).toBe(0);
    expect(told.map(({ closed }) => closed?.code)).toEqual(told.map(() => 1012));
    expect((child.output.match(/"event":"stop"/g) ?? []).length).toBe(2);
  });

  it('that cannot start are not tried again and again', async () => {
    const port = await freeTcpPort();
    const args = ['--listen', `127.0.0.1:${port}`, '--allow', '127.0.0.1:51820', '--workers', '2'];
    const first = new Child(process.execPath, ['--import', 'tsx', main, 'relay', ...args]);
    cleanups.push(() => first.stop('SIGKILL'));
    await first.saw(/relay: ws:/, 40_000);
    const second = new Child(process.execPath, ['--import', 'tsx', main, 'relay', ...args]);
    cleanups.push(() => second.stop('SIGKILL'));
    expect(await second.exited).toBe(1);
    expect(second.output).toContain('EADDRINUSE');
    first.process.kill('SIGINT');
    expect(await first.exited).toBe(0);
    for (const workers of ['0', '-1', 'x', '1000'])
      expect(() => readWorkers({ workers })).toThrow('1 to 999');
  });
});
