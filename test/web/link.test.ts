import { describe, expect, it } from 'vitest';
import { checkConfig, generatePresharedKey, generatePrivateKey } from '../../src/index.ts';
import {
  inviteLink,
  moveLink,
  newPassphrase,
  openMove,
  readInvite,
  readPassphrase,
} from '../../web/tunnels/link.ts';

const PAGE = 'https://console.example/tabwire/';
const [privateKey, presharedKey, publicKey] = [
  generatePrivateKey(),
  generatePresharedKey(),
  generatePrivateKey(),
];
const text = `[Interface]
PrivateKey = ${privateKey} # ${privateKey}
Address = 10.0.0.2/32
DNS = 10.0.0.1, corp.example
PostUp = echo secret
[Peer]
PublicKey = ${publicKey}
PresharedKey = ${presharedKey}
Endpoint = vpn.example:51820
AllowedIPs = 10.0.0.0/24
`;
const { config } = checkConfig(text);
const dataOf = (link: string) => link.split(/#(?:invite|move)=/)[1]!;
const utf8 = (data: string) => Buffer.from(data, 'base64url').toString();

describe('an invitation', () => {
  it('holds where to go, and no key, no address, no comment, no command', () => {
    const link = inviteLink(PAGE, 'wss://r.example/v1', config!, []);
    expect(link.startsWith(`${PAGE}#invite=`)).toBe(true);
    const inside = utf8(dataOf(link));
    for (const secret of [privateKey, presharedKey, '10.0.0.2', 'PostUp', 'secret'])
      expect(inside).not.toContain(secret);
    const parcel = readInvite(dataOf(link))!;
    expect(parcel.relay).toBe('wss://r.example/v1');
    expect(checkConfig(parcel.text).config).toMatchObject({
      interface: { addresses: [], dns: ['10.0.0.1'], searchDomains: ['corp.example'] },
      peers: [{ publicKey, endpoint: 'vpn.example:51820', allowedIPs: ['10.0.0.0/24'] }],
    });
  });

  it('may assign an address', () => {
    const parcel = readInvite(dataOf(inviteLink(PAGE, '', config!, ['10.0.0.3/32'])))!;
    expect(checkConfig(parcel.text).config!.interface.addresses).toEqual(['10.0.0.3/32']);
  });

  it('with a key in it, or that is none, is refused', () => {
    const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    expect(readInvite(encoded({ name: '', relay: '', text }))).toBeUndefined();
    expect(readInvite(encoded({ name: '', relay: 1, text: '' }))).toBeUndefined();
    expect(readInvite(encoded({ name: '', relay: '', text: 'nonsense' }))).toBeUndefined();
    expect(readInvite(encoded([]))).toBeUndefined();
    for (const data of ['', '!!!!', 'AAAA', 'e30']) expect(readInvite(data)).toBeUndefined();
  });
});

describe('a move', () => {
  const parcel = { name: 'Office', relay: 'wss://r.example/v1', text };

  it('is opened with its passphrase, however typed, until it expires', async () => {
    const passphrase = newPassphrase();
    const data = dataOf(await moveLink(PAGE, parcel, passphrase, 1000));
    expect(utf8(data)).not.toContain('Office');
    expect(await openMove(data, passphrase, 1000)).toEqual({ parcel });
    expect(await openMove(data, ` ${passphrase.toLowerCase().replaceAll('-', ' ')}`, 0)).toEqual({ parcel });
    expect((await openMove(data, passphrase, 1001)).problem).toContain('has expired');
    expect((await openMove(data, newPassphrase(), 0)).problem).toContain('does not open it');
    const changed = `${data.slice(0, -4)}${data.endsWith('AAAA') ? 'BBBB' : 'AAAA'}`;
    expect((await openMove(changed, passphrase, 0)).problem).toContain('does not open it');
    expect((await openMove('AAAA', passphrase, 0)).problem).toContain('does not open it');
  });

  it('has a passphrase of a hundred bits that survives being read aloud', () => {
    const passphrases = new Set(Array.from({ length: 100 }, newPassphrase));
    expect(passphrases.size).toBe(100);
    for (const passphrase of passphrases) {
      expect(passphrase).toMatch(/^([0-9A-HJKMNP-TV-Z]{5}-){3}[0-9A-HJKMNP-TV-Z]{5}$/);
      expect(readPassphrase(passphrase)).toBe(passphrase);
    }
    expect(readPassphrase('oOiI1 lLabc')).toBe('00111-11ABC');
  });
});
