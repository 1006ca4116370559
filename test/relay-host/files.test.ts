// A relay that has no file left: it stays, says so, and refuses in words.
import { afterEach, expect, it } from 'vitest';
import { CLOSED } from '../../src/core/wire/relay.ts';
import { data, FakeEndpoint, initiation } from '../relay/fake-endpoint.ts';
import { RawClient } from '../relay/raw-client.ts';
import { RelayClient, until } from '../relay/relay-client.ts';
import { freeTcpPort } from '../support/free-port.ts';
import { RelayProcess } from '../support/relay-process.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Of which 100 are kept for the process, an eighth for strangers. */
const FILES = 400;
const FOR_CLIENTS = FILES - 100 - FILES / 8;
const CHANNELS = 4;

it('keeps files back, so that all who are here go on and all who come hear why not, and tells once', async () => {
  const peer = await FakeEndpoint.open();
  cleanups.push(() => peer.close());
  const admin = await freeTcpPort();
  const many = 1e6;
  const relay = await RelayProcess.start({
    allow: [`127.0.0.1:${peer.port}`],
    origins: [],
    allowNoOrigin: true,
    files: FILES,
    admin: `127.0.0.1:${admin}`,
    limits: {
      ...{ sessionsPerClient: many, upgradesPerSecond: many, upgradeBurst: many },
      ...{ initiationsPerSecondOfClient: many, initiationsPerSecondToDestination: many },
    },
  });
  cleanups.push(() => relay.kill());
  const ask = async (path: string) => fetch(`http://127.0.0.1:${admin}${path}`);
  const connect = async (): Promise<RelayClient> => {
    const client = await RelayClient.connect(relay.url);
    cleanups.push(() => client.close());
    return client;
  };
  const channels = Array.from({ length: CHANNELS }, (_, i) => i + 1);
  const tunnel = async (): Promise<RelayClient> => {
    const client = await connect();
    for (const each of channels) client.send([0, client.open(each, peer.port)], [each, initiation(7)]);
    return client;
  };
  const clients: RelayClient[] = [];
  for (let i = 0; i < FOR_CLIENTS / (1 + CHANNELS); i++) clients.push(await tunnel());
  await until(() => clients.every(({ datagrams }) => datagrams.length === CHANNELS), 'all responses');

  // Who says nothing takes none of what is kept back for who has to be refused.
  for (let i = 0; i < FILES; i++) {
    const silent = await RawClient.connect(relay.port);
    cleanups.push(() => silent.socket.destroy());
  }
  for (let i = 0; i < 5; i++) await expect(connect()).rejects.toThrow('HTTP 503');
  await clients.pop()!.close();
  await expect.poll(async () => (await ask('/metrics')).text()).toMatch(/^wgrelay_sessions_parked 1$/m);
  // Its place, but not those of its UDP sockets, which wait for it.
  const late = await tunnel();
  await until(() => late.of(CLOSED).length === CHANNELS, 'the refusals');
  expect(late.of(CLOSED)[0]).toMatchObject({ code: 4416, reason: 'no_udp_port' });
  for (const client of clients) client.send([1, data(peer.index)]);
  await until(() => clients.every(({ datagrams }) => datagrams.length > CHANNELS), 'the echoes');
  expect((await ask('/readyz')).status).toBe(503);
  const text = await (await ask('/metrics')).text();
  for (const line of [
    'wgrelay_upgrades_total{result="full"} 5',
    `wgrelay_channels_closed_total{reason="no_udp_port"} ${CHANNELS}`,
    'wgrelay_files_used_ratio 1',
  ])
    expect(text).toContain(`${line}\n`);
  await expect.poll(() => relay.output).toContain('overload');
  expect(relay.output.match(/"spent":"this process may have 400 files open".*overload/g)).toHaveLength(1);

  for (const client of clients.splice(10)) client.socket.close(1000);
  await expect.poll(async () => (await ask('/readyz')).status).toBe(200);
  const next = await tunnel();
  await until(() => next.datagrams.length === CHANNELS, 'the responses');
}, 30_000);
