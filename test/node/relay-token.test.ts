// A tunnel whose relay wants tokens: a real relay, real UDP, real signatures.
import { generateKeyPairSync } from 'node:crypto';
import { afterEach, expect, it } from 'vitest';
import { derivePublicKey, generatePrivateKey, Tunnel, type TunnelOptions } from '../../src/node/index.ts';
import { createRelay, issueToken, type RelayOptions } from '../../src/relay-host/index.ts';
import { freeUdpPort } from '../support/free-port.ts';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const PEM = publicKey.export({ type: 'spki', format: 'pem' }) as string;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A peer over UDP, and a relay to it; `open` makes a client of both. */
async function setUp() {
  const [key, other] = [generatePrivateKey(), generatePrivateKey()];
  const endpoint = `127.0.0.1:${await freeUdpPort()}`;
  const peer = await Tunnel.open(
    `[Interface]\nPrivateKey=${other}\nAddress=10.8.0.1/24\nListenPort=${endpoint.split(':')[1]}\n[Peer]\nPublicKey=${derivePublicKey(key)}\nAllowedIPs=10.8.0.2/32`,
  );
  cleanups.push(() => peer.close({ timeout: 0 }));
  const startRelay = async (listen: string) => {
    const options: RelayOptions = {
      listen,
      allow: [endpoint, '127.0.0.1:51820'],
      allowNoOrigin: true,
      auth: { keys: [{ alg: 'EdDSA', key: PEM }], once: true },
      limits: { stopTimeout: 200 },
    };
    const relay = createRelay(options);
    const { url, port } = await relay.listen();
    cleanups.push(() => relay.close());
    return { relay, url, port };
  };
  const open = async (relay: string, token: TunnelOptions['token']) => {
    const tunnel = await Tunnel.open(
      `[Interface]\nPrivateKey=${key}\nAddress=10.8.0.2/24\n[Peer]\nPublicKey=${derivePublicKey(other)}\nAllowedIPs=10.8.0.0/24\nEndpoint=${endpoint}`,
      { relay, ...(token !== undefined && { token }) },
    );
    cleanups.push(() => tunnel.close({ timeout: 0 }));
    return tunnel;
  };
  return { endpoint, startRelay, open };
}

const tokenFor = (endpoint: string) =>
  issueToken(privateKey, { subject: 'alice', destinations: [endpoint] }, Date.now());

it('a token opens the way, and a fresh one opens it again when the relay comes back', async () => {
  const { endpoint, startRelay, open } = await setUp();
  const first = await startRelay('127.0.0.1:0');
  const reasons: string[] = [];
  const tunnel = await open(first.url, (reason) => {
    reasons.push(reason);
    return tokenFor(endpoint);
  });
  await tunnel.ready;
  await first.relay.close();
  const second = await startRelay(`127.0.0.1:${first.port}`);
  for (let tries = 0; second.relay.sessions === 0 && tries < 500; tries++)
    await new Promise((resolve) => setTimeout(resolve, 10));
  expect(second.relay.sessions).toBe(1);
  expect(new Set(reasons)).toEqual(new Set(['connect', 'reconnect']));
  // WireGuard begins no second handshake within five seconds of the first.
  let isBack = false;
  for await (const { ok } of tunnel.ping('10.8.0.1', { count: 30, interval: 500, timeout: 500 }))
    if ((isBack = ok)) break;
  expect(isBack).toBe(true);
}, 30_000);

it('without a token, with another place’s, or with one used before, the tunnel says what is wrong', async () => {
  const { endpoint, startRelay, open } = await setUp();
  const { url } = await startRelay('127.0.0.1:0');
  const failure = (tunnel: Tunnel) =>
    tunnel.ready.then(
      () => undefined,
      (error: Error) => error,
    );
  const none = await failure(await open(url, undefined));
  expect(none).toMatchObject({ code: 'ERR_RELAY_AUTH', retryable: false });
  expect(none!.message).toContain('as the option `token`');
  await cleanups.pop()!();
  const elsewhere = await failure(await open(url, await tokenFor('127.0.0.1:51820')));
  expect(elsewhere).toMatchObject({ code: 'ERR_RELAY_DESTINATION' });
  await cleanups.pop()!();
  const token = await tokenFor(endpoint);
  const good = await open(url, token);
  await good.ready;
  await cleanups.pop()!();
  expect(await failure(await open(url, token))).toMatchObject({ code: 'ERR_RELAY_AUTH' });
});
