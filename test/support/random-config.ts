// Files that people could have written: every key, in any order, more than once, in the spellings that wg(8) takes.
import fc from 'fast-check';

const key = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => {
  bytes[0] = 8; // never all zero, and clamped
  bytes[31] = (bytes[31]! & 127) | 64;
  return Buffer.from(bytes).toString('base64');
});
const ipv4 = fc.ipV4();
const ipv6 = fc.ipV6().filter((address) => !/^[0:]+$/.test(address));
const prefix = fc.oneof(
  fc.tuple(ipv4, fc.nat(32)).map(([address, length]) => `${address}/${length}`),
  fc.tuple(ipv6, fc.nat(128)).map(([address, length]) => `${address}/${length}`),
);
const name = fc.stringMatching(/^[a-z]([a-z0-9-]{0,10}[a-z0-9])?(\.[a-z]([a-z0-9-]{0,5}[a-z0-9])?)?$/);
const port = fc.integer({ min: 1, max: 65535 });
const endpoint = fc.oneof(
  fc.tuple(name, port).map(([host, number]) => `${host}:${number}`),
  fc.tuple(ipv6, port).map(([host, number]) => `[${host}]:${number}`),
);
const command = fc.stringMatching(/^[!-"$-~]([ -"$-~]{0,30}[!-"$-~])?$/);
const spaces = fc.constantFrom('', ' ', '  ', '\t');
const line = (keys: string[], value: fc.Arbitrary<string>) =>
  fc
    .tuple(fc.constantFrom(...keys), spaces, spaces, value, fc.constantFrom('', ' # said by nobody', '\r'))
    .map(([written, before, after, text, end]) => `${before}${written}${after}=${after}${text}${end}`);
const section = fc.array(
  fc.oneof(
    line(['Address', 'address'], prefix),
    line(['DNS'], fc.oneof(ipv4, ipv6, name)),
    line(['MTU'], fc.integer({ min: 576, max: 65535 }).map(String)),
    line(['Table'], fc.constantFrom('off', 'auto', '1234')),
    line(['SaveConfig'], fc.constantFrom('true', 'FALSE')),
    line(['PreUp', 'PostUp', 'PreDown', 'PostDown'], command),
    line(['ListenPort', 'LISTENPORT'], fc.nat(65535).map(String)),
    line(
      ['FwMark'],
      fc.oneof(
        fc.constant('off'),
        fc.nat(0xffffffff).map((mark) => `0x${mark.toString(16)}`),
      ),
    ),
    line(['PrivateKey', 'Private Key'], key),
  ),
  { maxLength: 12 },
);
const peerSection = fc.tuple(
  key,
  fc.array(
    fc.oneof(
      line(['PresharedKey'], key),
      line(
        ['AllowedIPs'],
        fc.array(prefix, { minLength: 1, maxLength: 4 }).map((list) => list.join(', ')),
      ),
      line(['Endpoint'], endpoint),
      line(['PersistentKeepalive'], fc.oneof(fc.constant('off'), fc.nat(65535).map(String))),
    ),
    { maxLength: 6 },
  ),
);
/** Whole files. */
export const configText: fc.Arbitrary<string> = fc
  .tuple(section, fc.array(peerSection, { maxLength: 4 }))
  .map(([own, peers]) =>
    [
      '[Interface]',
      ...own,
      ...peers.flatMap(([publicKey, rest]) => ['[Peer]', `PublicKey=${publicKey}`, ...rest]),
    ].join('\n'),
  );
