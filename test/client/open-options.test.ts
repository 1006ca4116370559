// Mistakes in what Tunnel.open is given: each is one sentence that names what is wrong, before anything is started.
import { expect, it } from 'vitest';
import { derivePublicKey, generatePrivateKey, parseConfig, Tunnel, TunnelError } from '../../src/index.ts';
import { Tunnel as NodeTunnel } from '../../src/node/index.ts';

const config = `[Interface]
PrivateKey = ${generatePrivateKey()}
Address = 10.9.0.1/32
[Peer]
PublicKey = ${derivePublicKey(generatePrivateKey())}
AllowedIPs = 10.9.0.0/24
`;
const relay = 'wss://relay.example/v1';

async function refusal(config: unknown, options: unknown, { open }: typeof Tunnel = Tunnel): Promise<string> {
  const error: unknown = await open
    .call(Tunnel, config as string, options as object)
    .catch((e: unknown) => e);
  expect(error).toBeInstanceOf(TunnelError);
  expect(error).toMatchObject({ code: 'ERR_CONFIG', retryable: false });
  return (error as Error).message;
}

it.each<[what: string, options: unknown, sentence: RegExp]>([
  ['a URL in the place of the options', relay, /^The options of Tunnel\.open must be an object/],
  ['null', null, /^The options of Tunnel\.open must be an object/],
  ['no relay', { relay: [] }, /^A page cannot send UDP itself/],
  ['a token that is a number', { relay, token: 5 }, /^The option `token` must be text, or a function/],
  [
    'a promise of a token',
    { relay, token: Promise.resolve('x') },
    /^The option `token` must be text, or a fun/,
  ],
  ['a TLS layer that is none', { relay, tls: {} }, /^The option `tls` must be a function/],
  ['a logger that is an object', { relay, logger: console }, /^The option `logger` must be a function/],
  [
    'a controller for its signal',
    { relay, signal: new AbortController() },
    /^The option `signal` must be an Ab/,
  ],
  ['a URL for the assets', { relay, assets: '/tabwire/' }, /^The option `assets` must be an object/],
  ['servers for `dns`', { relay, dns: '10.0.0.53' }, /^The option `dns` must be an object/],
  ['hosts that are a list', { relay, dns: { hosts: ['a'] } }, /^dns\.hosts must be an object/],
  ['a key that is bytes', { relay, privateKey: new Uint8Array(32) }, /^A private key is base64 text or a Cr/],
])('%s', async (_what, options, sentence) => {
  expect(await refusal(config, options)).toMatch(sentence);
});

it.each<[what: string, config: unknown]>([
  ['undefined', undefined],
  ['null', null],
  ['a number', 5],
  ['bytes', new TextEncoder().encode(config)],
  ['an answer of fetch', new Response(config)],
  ['half a configuration', { interface: { addresses: ['10.0.0.1/32'] }, peers: [{ publicKey: 'x' }] }],
])('%s is no configuration', async (_what, given) => {
  expect(await refusal(given, { relay })).toMatch(/^The configuration must be the text of a wg-quick file/);
});

it('a value that no line of a file can hold is refused by its name', async () => {
  const parsed = parseConfig(config);
  parsed.peers[0]!.endpoint = 'a:1\nPostUp = x';
  expect(await refusal(parsed, { relay })).toBe('Endpoint: must be one line without "#"');
});

it('Node says the same', async () => {
  expect(await refusal(config, null, NodeTunnel)).toMatch(/^The options of Tunnel\.open must be an object/);
  expect(await refusal(undefined, {}, NodeTunnel)).toMatch(/^The configuration must be the text/);
});

it('a relay may be a URL object, in a list or by itself', async () => {
  for (const given of [new URL(relay), [new URL(relay)]])
    expect(await refusal('', { relay: given })).not.toMatch(/relay/i);
});
