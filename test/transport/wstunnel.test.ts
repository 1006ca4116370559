// Through somebody's wstunnel server.
import { afterEach, describe, expect, it } from 'vitest';
import { derivePublicKey, generatePrivateKey } from '../../src/client/keys.ts';
import { Tunnel } from '../../src/node/index.ts';
import { readWstunnelUrl, wstunnelProtocols } from '../../src/transport/wstunnel-protocol.ts';
import { FakeEndpoint } from '../relay/fake-endpoint.ts';
import { until } from '../support/child-process.ts';
import { WstunnelServer } from './wstunnel-server.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function serve(prefix?: string): Promise<WstunnelServer> {
  const server = await WstunnelServer.start(prefix);
  cleanups.push(() => server.stop());
  return server;
}

/** A peer of ours that only answers, over UDP, and a configuration that reaches it. */
async function peer() {
  const [ours, theirs] = [generatePrivateKey(), generatePrivateKey()];
  const far = await Tunnel.open(
    `[Interface]\nPrivateKey = ${theirs}\nAddress = 10.9.0.1/24\nListenPort = 0\n[Peer]\nPublicKey = ${derivePublicKey(ours)}\nAllowedIPs = 10.9.0.2/32\n`,
  );
  cleanups.push(() => far.close());
  const { listenPort } = await far.status();
  const config = `[Interface]\nPrivateKey = ${ours}\nAddress = 10.9.0.2/24\n[Peer]\nPublicKey = ${derivePublicKey(theirs)}\nAllowedIPs = 10.9.0.1/32\nEndpoint = 127.0.0.1:${listenPort}\n`;
  return { far, config, port: listenPort! };
}

async function open(config: string, relay: string | string[], options: object = {}): Promise<Tunnel> {
  const tunnel = await Tunnel.open(config, { relay, ...options });
  cleanups.push(() => tunnel.close());
  return tunnel;
}

/** The peer answers, through WireGuard and all. */
async function echo(tunnel: Tunnel): Promise<void> {
  let answers = 0;
  for await (const { ok } of tunnel.ping('10.9.0.1', { count: 1 })) if (ok) answers++;
  expect(answers).toBe(1);
}

describe('a wstunnel server', () => {
  it('is shown what its source looks for, and carries a tunnel', async () => {
    const server = await serve('secret-path');
    const { config, port } = await peer();
    const tunnel = await open(config, `wstunnel+ws://127.0.0.1:${server.port}/secret-path`);
    await tunnel.ready;
    await echo(tunnel);
    expect(server.refusals).toEqual([]);
    expect(server.targets).toEqual([{ id: expect.any(String) as string, host: '127.0.0.1', port }]);
    const { transport } = await tunnel.status();
    // The path is the only secret there is.
    expect(transport).toMatchObject({ state: 'open', via: `wstunnel+ws://127.0.0.1:${server.port}` });
  });

  it('may break: the tunnel is back through it without a new handshake', async () => {
    const server = await serve();
    const { config } = await peer();
    const tunnel = await open(config, `wstunnel+ws://127.0.0.1:${server.port}`);
    await tunnel.ready;
    await echo(tunnel);
    const before = (await tunnel.status()).peers[0]!.latestHandshake;
    for (const socket of server.sockets) socket.terminate();
    await until('another connection', () => server.targets.length === 2);
    // The server knows of it first; a ping before we do is lost.
    await until('that we know of it', async () => (await tunnel.status()).transport.state === 'open');
    await echo(tunnel);
    expect((await tunnel.status()).peers[0]!.latestHandshake).toEqual(before);
  });

  it('that refuses is reported, without its path, and another is tried', async () => {
    const [wrong, right] = [await serve('other'), await serve()];
    const { config } = await peer();
    const alone = await open(config, `wstunnel+ws://127.0.0.1:${wrong.port}/mine`);
    alone.ready.catch(() => {});
    await until('the refusal', async () => (await alone.status()).transport.error !== undefined);
    const { error } = (await alone.status()).transport;
    expect(error?.code).toBe('ERR_RELAY_UNREACHABLE');
    expect(error?.message).toMatch(/restrictions allow/);
    expect(error?.message).not.toContain('mine');
    await alone.close();
    const urls = [wrong, right].map(({ port }) => `wstunnel+ws://127.0.0.1:${port}/mine`);
    const tunnel = await open(config, urls);
    tunnel.ready.catch(() => {});
    await until('the other one', async () => (await tunnel.status()).transport.state === 'open');
    await echo(tunnel);
    expect(wrong.refusals.length).toBeGreaterThanOrEqual(2);
  });

  it('cannot let an endpoint call first, nor take tokens, nor stand beside a relay of ours', async () => {
    const server = await serve();
    const url = `wstunnel+ws://127.0.0.1:${server.port}`;
    const { config } = await peer();
    const tunnel = await open(config.replace('[Peer]', 'ListenPort = 51820\n[Peer]'), url);
    await tunnel.ready;
    const { notices } = (await tunnel.status()).transport;
    expect(notices?.[0]?.error.message).toMatch(/cannot call first through a wstunnel server/);
    await tunnel.close();
    await expect(open(config, url, { token: 'x' })).rejects.toThrow(/take no tokens/);
    await expect(open(config, [url, 'ws://127.0.0.1:1/v1'])).rejects.toThrow(/not both at once/);
  });

  it('keeps datagrams apart, each a message', async () => {
    const server = await serve();
    const fake = await FakeEndpoint.open();
    cleanups.push(() => fake.close());
    const { config } = await peer();
    await open(
      config.replace(/Endpoint = .*/, `Endpoint = 127.0.0.1:${fake.port}`),
      `wstunnel+ws://127.0.0.1:${server.port}`,
    );
    await until('an initiation', () => fake.received.length > 0);
    expect(fake.received[0]).toHaveLength(148);
  });
});

describe('its URL', () => {
  it('has a prefix of one part, or none', () => {
    expect(readWstunnelUrl('wstunnel+wss://relay.example')).toEqual({
      url: 'wss://relay.example/v1/events',
      shown: 'wstunnel+wss://relay.example',
    });
    expect(readWstunnelUrl('wstunnel+wss://relay.example:8443/abc/').url).toBe(
      'wss://relay.example:8443/abc/events',
    );
  });

  it.each([
    'wstunnel+http://relay.example',
    'wstunnel+wss://',
    'wstunnel+wss://a/b/c',
    'wstunnel+wss://u:p@a/b',
    'wstunnel+wss://a/b?c',
    'wstunnel+wss://a/b#c',
  ])('%s is none', (url) => {
    expect(() => readWstunnelUrl(url)).toThrow('A wstunnel server is');
  });

  it('its subprotocols are ones that browsers let pass', () => {
    for (const protocol of wstunnelProtocols({ host: 'fd00::1', port: 51820 } as never, 'a'))
      expect(protocol).toMatch(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/);
  });
});
