// A tunnel in Node whose private key is a CryptoKey, on one side and on both.
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  derivePublicKey,
  generateKeyPair,
  importPrivateKey,
  Tunnel,
  type TunnelError,
} from '../../src/node/index.ts';
import { freeUdpPort } from '../support/free-port.ts';

const open: Tunnel[] = [];
const deriveBits = crypto.subtle.deriveBits.bind(crypto.subtle);

afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all(open.splice(0).map((tunnel) => tunnel.close({ timeout: 0 })));
});

interface Side {
  privateKey: string | CryptoKey;
  publicKey: string;
}

/** Alice calls Bob. */
async function connect(alice: Side, bob: Side): Promise<[Tunnel, Tunnel]> {
  const { a, b } = await launch(alice, bob);
  await a.ready;
  return [a, b];
}

async function launch(alice: Side, bob: Side): Promise<{ a: Tunnel; b: Tunnel }> {
  const port = await freeUdpPort();
  const b = await Tunnel.open(
    `[Interface]\nAddress=10.7.0.1/24\nListenPort=${port}\n[Peer]\nPublicKey=${alice.publicKey}\nAllowedIPs=10.7.0.2/32`,
    { privateKey: bob.privateKey },
  );
  open.push(b);
  const a = await Tunnel.open(
    `[Interface]\nAddress=10.7.0.2/24\n[Peer]\nPublicKey=${bob.publicKey}\nAllowedIPs=10.7.0.0/24\nEndpoint=127.0.0.1:${port}`,
    { privateKey: alice.privateKey },
  );
  open.push(a);
  return { a, b };
}

async function pings(tunnel: Tunnel, host: string): Promise<boolean[]> {
  const replies = [];
  for await (const { ok } of tunnel.ping(host, { count: 3, interval: 10 })) replies.push(ok);
  return replies;
}

describe('a tunnel with a CryptoKey', () => {
  it.each([
    [false, true],
    [true, false],
    [false, false],
  ])('answers ping; extractable: caller %s, called %s', async (caller, called) => {
    const alice = await generateKeyPair({ extractable: caller });
    const bob = await generateKeyPair({ extractable: called });
    const [a, b] = await connect(alice, bob);
    expect(await pings(a, '10.7.0.1')).toEqual([true, true, true]);
    expect(await pings(b, '10.7.0.2')).toEqual([true, true, true]);
    expect((await a.status()).publicKey).toBe(alice.publicKey);
    expect((await b.status()).publicKey).toBe(bob.publicKey);
  });

  it('is the same device as one with the key as text', async () => {
    const alice = await generateKeyPair();
    const key = await importPrivateKey(alice.privateKey);
    expect(await derivePublicKey(key)).toBe(alice.publicKey);
    const bob = await generateKeyPair();
    const [first] = await connect({ ...alice, privateKey: key }, bob);
    // The registry of keys in use knows it by its public key.
    await expect(
      Tunnel.open(
        `[Interface]\nPrivateKey=${alice.privateKey}\nAddress=10.7.0.2/24\n[Peer]\nPublicKey=${bob.publicKey}\nAllowedIPs=10.7.0.0/24`,
      ),
    ).rejects.toMatchObject({ code: 'ERR_IN_USE' });
    expect(await pings(first, '10.7.0.1')).toEqual([true, true, true]);
  });

  it('goes on after WebCrypto failed, and says that it did', async () => {
    const alice = await generateKeyPair({ extractable: false });
    const bob = await generateKeyPair();
    // Its own public key, then DH with the peer's static key, then with the ephemeral one of its response.
    vi.spyOn(crypto.subtle, 'deriveBits')
      .mockImplementationOnce(deriveBits)
      .mockImplementationOnce(deriveBits)
      .mockRejectedValueOnce(new Error('a mistake of the platform'));
    const { a } = await launch(alice, bob);
    const [{ detail }] = await Promise.all([
      new Promise<CustomEvent<{ error: TunnelError }>>((resolve) => a.addEventListener('error', resolve)),
      // The next initiation is five seconds away.
      new Promise((resolve) => a.addEventListener('handshake', resolve)),
    ]);
    expect(detail.error).toMatchObject({
      code: 'ERR_WORKER',
      message: 'The engine failed: a mistake of the platform',
    });
    expect(await pings(a, '10.7.0.1')).toEqual([true, true, true]);
    expect((await a.status()).peers[0]!.drops).toEqual({ bad_response: 1 });
  }, 15_000);
});
