// A rule that says which key its endpoint has: only handshakes for that key leave the relay.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Mac1 } from '../../relay/mac1.ts';
import { createRelay, type RelayOptions } from '../../src/relay-host/index.ts';
import { parseRule } from '../../src/relay-host/rules.ts';
import { FakeEndpoint, initiation } from './fake-endpoint.ts';
import { RelayClient, settled, until } from './relay-client.ts';

interface Vector {
  public: { responder_static_b64: string; initiator_static_b64: string };
  initiation: { message: string };
}
const { cases } = JSON.parse(
  readFileSync(join(import.meta.dirname, '../vectors/handshake.json'), 'utf8'),
) as { cases: Vector[] };
const initiations = cases.map((each) => Buffer.from(each.initiation.message, 'hex'));
const KEY = cases[0]!.public.responder_static_b64;
const OTHER_KEY = cases[0]!.public.initiator_static_b64;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

describe('mac1', () => {
  it.each(cases)('of a real initiation matches its responder, and nobody else', (vector) => {
    const message = Buffer.from(vector.initiation.message, 'hex');
    const { responder_static_b64: responder, initiator_static_b64: initiator } = vector.public;
    expect(new Mac1(Buffer.from(responder, 'base64')).matches(message, 0)).toBe(true);
    expect(new Mac1(Buffer.from(initiator, 'base64')).matches(message, 0)).toBe(false);
    const behind = Buffer.concat([Buffer.from('abc'), message, Buffer.from('def')]);
    expect(new Mac1(Buffer.from(responder, 'base64')).matches(behind, 3)).toBe(true);
  });

  it('notices any changed bit that it covers, and of itself', () => {
    const mac1 = new Mac1(Buffer.from(KEY, 'base64'));
    for (let byte = 0; byte < 132; byte++) {
      const changed = Buffer.from(initiations[0]!);
      changed[byte]! ^= 0x40;
      expect(mac1.matches(changed, 0)).toBe(false);
    }
  });

  it.each(['', 'short', `${KEY.slice(0, -2)}==`, `${KEY} `, KEY.replace('=', '')])(
    'a rule refuses the key %j',
    (publicKey) => {
      expect(() => parseRule({ host: '203.0.113.7', publicKey })).toThrow(/no WireGuard key/);
    },
  );
});

describe('a rule with a public key', () => {
  async function start(rules: (port: number) => RelayOptions['allow'], options: Partial<RelayOptions> = {}) {
    const peer = await FakeEndpoint.open();
    const relay = createRelay({
      listen: '127.0.0.1:0',
      allow: rules(peer.port),
      allowNoOrigin: true,
      ...options,
      limits: { upgradesPerSecond: 1000, stopTimeout: 200, initiationBurst: 1000, ...options.limits },
    });
    const { url } = await relay.listen();
    const client = await RelayClient.connect(url);
    cleanups.push(
      () => peer.close(),
      () => relay.close(),
      () => client.close(),
    );
    return { peer, relay, client };
  }
  const rule = (port: number, publicKey?: string) => ({
    host: '127.0.0.1',
    ports: [port],
    ...(publicKey !== undefined && { publicKey }),
  });

  it('lets what is meant for it leave, and nothing else', async () => {
    const { peer, relay, client } = await start((port) => [rule(port, KEY)]);
    client.send([0, client.open(1, peer.port)], [1, initiation(7)], [1, initiations[0]!]);
    await until(() => peer.received.length === 1, 'the one that is right');
    await settled();
    expect(peer.received).toHaveLength(1);
    expect(peer.received[0]!.equals(initiations[0]!)).toBe(true);
    expect(relay.counters.up.drops).toEqual({ bad_mac1: 1 });
  });

  it('also where the name of the endpoint must be resolved first', async () => {
    const { peer, client, relay } = await start(
      (port) => [{ ...rule(port, KEY), host: 'hub.example.com', private: true }],
      { resolve: () => Promise.resolve(['203.0.113.7']) },
    );
    client.send([0, client.open(1, peer.port, 'hub.example.com')], [1, initiation(7)]);
    await until(() => relay.counters.up.drops.bad_mac1 === 1, 'the refusal');
  });

  it('ends who goes on with others, however many', async () => {
    const { peer, client } = await start((port) => [rule(port, KEY)], { limits: { shapeFailures: 100 } });
    client.control(client.open(1, peer.port));
    for (let i = 0; i < 100; i++) client.send([1, initiation(i)]);
    await until(() => client.closed !== undefined, 'the close');
    expect(client.closed!.code).toBe(4406);
    expect(peer.received).toEqual([]);
  });

  it('of two rules for one place, either key will do, and none is needed if one asks for none', async () => {
    const two = await start((port) => [rule(port, OTHER_KEY), rule(port, KEY)]);
    two.client.send([0, two.client.open(1, two.peer.port)], [1, initiations[0]!]);
    await until(() => two.peer.received.length === 1, 'the second key');
    const open = await start((port) => [rule(port, OTHER_KEY), rule(port)]);
    open.client.send([0, open.client.open(1, open.peer.port)], [1, initiation(7)]);
    await until(() => open.peer.received.length === 1, 'no key');
  });
});
