// Mistakes that people make in wg-quick files, each with what the answer must name: the line, the key, and words of
// what is allowed there.

export interface MalformedConfig {
  mistake: string;
  text: string;
  line: number;
  key?: string;
  expects: RegExp;
}

const GOOD = `[Interface]
PrivateKey = KIRWTl8xrTVZXCKwBRW8qZ9ubKpg3nlX2K4Rkz4nAGc=
Address = 10.0.0.2/24, fd00::2/64
ListenPort = 51820
MTU = 1420

[Peer]
PublicKey = mTK0Ln9Ohg0nMTv9cQq7kjpQqmWQzSQk0cLJiY2yyn4=
PresharedKey = dEKhVTxJ4GyVJ0fRHG1oWbV6hTOi9v6hWbMT6S2mK0s=
Endpoint = 192.0.2.1:51820
AllowedIPs = 10.0.0.0/24, fd00::/64
PersistentKeepalive = 25
`;

/** The good file with line `line` (from 1) replaced. */
function broken(mistake: string, line: number, by: string, expects: RegExp, key?: string): MalformedConfig {
  const lines = GOOD.split('\n');
  lines[line - 1] = by;
  return { mistake, text: lines.join('\n'), line, expects, ...(key === undefined ? {} : { key }) };
}

export const MALFORMED_CONFIGS: readonly MalformedConfig[] = [
  broken('no section at all before the first key', 1, '', /\[Interface\]/),
  broken('a section that does not exist', 1, '[Interfaces]', /\[Interface\].*\[Peer\]/i),
  broken('a line without an equals sign', 4, 'ListenPort 51820', /"=" missing/, 'ListenPort'),
  broken('a key that does not exist', 5, 'Mtuu = 1420', /key/i, 'Mtuu'),
  broken('a key of [Peer] in [Interface]', 4, 'AllowedIPs = 10.0.0.0/24', /\[Peer\]/, 'AllowedIPs'),
  broken('a key of [Interface] in [Peer]', 10, 'ListenPort = 51820', /\[Interface\]/, 'ListenPort'),
  broken('a key without a value', 4, 'ListenPort =', /\d/, 'ListenPort'),
  broken('a private key that is too short', 2, 'PrivateKey = KIRWTl8x', /44|32/, 'PrivateKey'),
  broken(
    'a private key without its padding',
    2,
    'PrivateKey = KIRWTl8xrTVZXCKwBRW8qZ9ubKpg3nlX2K4Rkz4nAGc',
    /44|32/,
    'PrivateKey',
  ),
  broken(
    'a public key in hexadecimal',
    8,
    'PublicKey = 9932b42e7f4e860d27313bfd710abb923a50aa6590cd2424d1c2c9898db2ca7e',
    /44|32|base64/i,
    'PublicKey',
  ),
  broken('a preshared key that is not base64', 9, 'PresharedKey = (none)', /44|32|base64/i, 'PresharedKey'),
  broken('an address with an octet above 255', 3, 'Address = 10.0.0.256/24', /address/i, 'Address'),
  broken('an address with a prefix above 32', 3, 'Address = 10.0.0.2/33', /32/, 'Address'),
  broken('an IPv6 address with two gaps', 3, 'Address = fd00::1::2/64', /address/i, 'Address'),
  broken('a port above 65535', 4, 'ListenPort = 65536', /65535/, 'ListenPort'),
  broken('an MTU that is a word', 5, 'MTU = large', /\d/, 'MTU'),
  broken('an endpoint without a port', 10, 'Endpoint = vpn.example.com', /port/i, 'Endpoint'),
  broken('an IPv6 endpoint without a port', 10, 'Endpoint = [2001:db8::1]', /port/, 'Endpoint'),
  broken('an endpoint with port 0', 10, 'Endpoint = vpn.example.com:0', /65535/, 'Endpoint'),
  broken(
    'allowed IPs that are a host name',
    11,
    'AllowedIPs = intranet.example.com',
    /address/i,
    'AllowedIPs',
  ),
  broken('allowed IPs with an IPv6 prefix above 128', 11, 'AllowedIPs = fd00::/129', /128/, 'AllowedIPs'),
  broken('a keepalive above 65535', 12, 'PersistentKeepalive = 70000', /65535/, 'PersistentKeepalive'),
  { ...broken('a peer without a public key', 8, '', /missing/, 'PublicKey'), line: 7 },
];
