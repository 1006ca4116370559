// Relays, an endpoint and clients for what happens when a WebSocket breaks.
import { randomBytes } from 'node:crypto';
import { afterEach } from 'vitest';
import { OPENED, RESUME, TICKET, WELCOME, writeControl } from '../../src/core/wire/relay.ts';
import { createRelay, type Relay, type RelayOptions } from '../../src/relay-host/index.ts';
import { FakeEndpoint, initiation } from './fake-endpoint.ts';
import { RelayClient, until } from './relay-client.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** What all relays of one test share. */
export const RELAY_KEY = randomBytes(32);
export const CLIENT_INDEX = 77;

export async function startEndpoint(): Promise<FakeEndpoint> {
  const peer = await FakeEndpoint.open();
  cleanups.push(() => peer.close());
  return peer;
}

export interface RunningRelay {
  relay: Relay;
  url: string;
  options: RelayOptions;
}

export async function startRelay(
  peer: FakeEndpoint,
  options: Partial<RelayOptions> = {},
): Promise<RunningRelay> {
  const all: RelayOptions = {
    listen: '127.0.0.1:0',
    allowNoOrigin: true,
    allow: [`127.0.0.1:${peer.port}`],
    tickets: { keys: [RELAY_KEY] },
    ...options,
  };
  const relay = createRelay(all);
  const { url } = await relay.listen();
  cleanups.push(() => relay.close());
  return { relay, url, options: all };
}

export async function connect(
  { url }: RunningRelay,
  options?: object,
  protocols?: string[],
): Promise<RelayClient> {
  const client = await RelayClient.connect(url, options, protocols);
  cleanups.push(() => client.close());
  return client;
}

/** Channel 1 is open, its handshake done, and a ticket is here. */
export async function handshake(client: RelayClient, peer: FakeEndpoint): Promise<RelayClient> {
  client.send([0, client.open(1, peer.port)], [1, initiation(CLIENT_INDEX)]);
  await until(() => client.datagrams.length > 0 && client.of(TICKET).length > 0, 'the response and a ticket');
  client.datagrams.length = 0;
  return client;
}

/** RESUME with what `client` was given last. */
export function resumeOf(
  client: RelayClient,
  change: { secret?: Uint8Array; ticket?: Uint8Array } = {},
): Uint8Array {
  const { secret } = client.of(WELCOME).at(-1)!;
  const { ticket } = client.of(TICKET).at(-1)!;
  return writeControl({ type: RESUME, secret, ticket, ...change });
}

/** What OPENED said about whether the channel goes on; undefined while it has not come. */
export function openedFlags(client: RelayClient): number | undefined {
  return client.of(OPENED).at(-1)?.flags;
}

export function resumes({ relay }: RunningRelay): Record<string, number> {
  return Object.fromEntries(relay.counters.resumes);
}
