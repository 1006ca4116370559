// A key pair whose private half nobody can read, this page included.
import { derivePublicKey, generateKeyPair, generatePresharedKey, Tunnel, type TunnelError } from 'tabwire';
import { config, done, print, publicConfig, relay } from './demo.ts';

const { privateKey, publicKey } = await generateKeyPair({ extractable: false });
print('extractable:', privateKey.extractable);
print('the public key fits:', (await derivePublicKey(privateKey)) === publicKey);
print('a preshared key has', atob(generatePresharedKey()).length, 'bytes');

// The demo network does not know this key, so nobody answers; but it is ours to use.
await using tunnel = await Tunnel.open(publicConfig, { relay, privateKey });
print('the tunnel has it:', (await tunnel.status()).publicKey === publicKey);

// A key is one tunnel's: a second one is refused, or takes it over.
const first = await Tunnel.open(config, { relay });
first.addEventListener('error', ({ detail }) => print('first:', detail.error.code));
await Tunnel.open(config, { relay }).catch(({ code }: TunnelError) => print('second:', code));
const third = await Tunnel.open(config, { relay, takeOver: true });
await third.ready;
print('third: ready');
await third.close();
done();
