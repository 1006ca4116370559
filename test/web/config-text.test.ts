import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkConfig } from '../../src/core/wireguard/config.ts';
import {
  hostRoutes,
  readOurselves,
  serverCommand,
  serverStanza,
  setPrivateKey,
  tokenizeLine,
} from '../../web/config-text.ts';

const KEY = 'yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=';
const OTHER = 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=';
const secrets = (line: string) =>
  tokenizeLine(line)
    .filter(({ kind }) => kind === 'secret')
    .map(({ text }) => text);

describe('colouring a line', () => {
  it('loses and adds nothing', () => {
    fc.assert(
      fc.property(fc.string(), (line) => {
        const text = line.replace(/\n/g, '');
        expect(
          tokenizeLine(text)
            .map((token) => token.text)
            .join(''),
        ).toBe(text);
      }),
    );
  });

  it('hides private and preshared keys however they are written, and no others', () => {
    for (const line of [
      `PrivateKey = ${KEY}`,
      `  presharedkey=${KEY}`,
      `# PrivateKey = ${KEY}`,
      `PRIVATEKEY =${KEY} # old`,
    ])
      expect(secrets(line), line).toEqual([KEY]);
    expect(secrets(`PublicKey = ${KEY}`)).toEqual([]);
  });

  it('knows sections, keys, values and comments', () => {
    const kinds = (line: string) => tokenizeLine(line).map(({ kind }) => kind);
    expect(kinds('[Peer]')).toEqual(['section']);
    expect(kinds('MTU = 1420 # measured')).toEqual(['key', 'sign', 'value', 'comment']);
    expect(kinds('nonsense')).toEqual(['plain']);
    expect(kinds('')).toEqual([]);
  });
});

describe('a fresh private key', () => {
  it('takes the place of the old one and leaves the rest alone', () => {
    const text = `[Interface]\nAddress = 10.0.0.2/32\nprivatekey=${OTHER}\n\n[Peer]\nPublicKey = ${OTHER}\nAllowedIPs = 10.0.0.0/24\n`;
    const changed = setPrivateKey(text, KEY);
    expect(changed).toBe(text.replace(`privatekey=${OTHER}`, `PrivateKey = ${KEY}`));
    expect(checkConfig(changed).config?.interface.privateKey).toBe(KEY);
  });

  it('comes first in an [Interface] that has none, and never into a peer', () => {
    const text = '[Interface]\nAddress = 10.0.0.2/32\n\n[Peer]\nPrivateKey = misplaced\n';
    expect(setPrivateKey(text, KEY)).toBe(
      text.replace('[Interface]\n', `[Interface]\nPrivateKey = ${KEY}\n`),
    );
  });

  it('begins a new configuration where there is none', () => {
    expect(readOurselves(setPrivateKey(' \n', KEY)).privateKey).toBe(KEY);
    expect(setPrivateKey('[Peer]\n', KEY)).toBe(`[Interface]\nPrivateKey = ${KEY}\n\n[Peer]\n`);
  });
});

describe('what the server must know', () => {
  it('is our key and our addresses as host routes', () => {
    const { privateKey, addresses } = readOurselves(
      `[Interface]\nPrivateKey = ${KEY}\nAddress = 10.0.0.2/24, fd00::2\n[Peer]\nAddress = 1.2.3.4\n`,
    );
    expect(privateKey).toBe(KEY);
    expect(hostRoutes(addresses)).toEqual(['10.0.0.2/32', 'fd00::2/128']);
    expect(serverStanza(OTHER, addresses)).toBe(
      `[Peer]\nPublicKey = ${OTHER}\nAllowedIPs = 10.0.0.2/32, fd00::2/128`,
    );
    expect(serverCommand(OTHER, addresses)).toBe(
      `wg set <interface> peer ${OTHER} allowed-ips 10.0.0.2/32,fd00::2/128`,
    );
  });

  it('parses as the server’s own configuration', () => {
    const text = `[Interface]\nPrivateKey = ${KEY}\n${serverStanza(OTHER, ['10.0.0.2/24'], true)}\n`;
    expect(checkConfig(text).config?.peers).toMatchObject([
      { publicKey: OTHER, allowedIPs: ['10.0.0.2/32'] },
    ]);
  });

  it('reads no key out of something that is none', () => {
    for (const value of ['', 'short', `${KEY}x`])
      expect(readOurselves(`[Interface]\nPrivateKey = ${value}\n`).privateKey).toBeUndefined();
  });
});
