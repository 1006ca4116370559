// Configuration texts: any text gives a configuration or errors, in bounded time; no exception, no key in a message;
// what is accepted comes back from its own text.
import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { toBase64 } from '../../../src/core/bytes.ts';
import { checkConfig, formatConfig, parseConfig } from '../../../src/core/wireguard/config.ts';
import { SeededRandom } from '../../support/random.ts';

export const name = 'config';

const KEYS = [
  ...[
    'PrivateKey',
    'ListenPort',
    'FwMark',
    'Address',
    'DNS',
    'MTU',
    'Table',
    'SaveConfig',
    'PreUp',
    'PostUp',
  ],
  ...['PreDown', 'PostDown', 'PublicKey', 'PresharedKey', 'AllowedIPs', 'Endpoint', 'PersistentKeepalive'],
  ...['Jc', 'constructor', '__proto__', 'privatekey', 'ExcludedApplications', '[Interface]', '[Peer]'],
];
const VALUES = [
  ...['10.0.0.1', '10.0.0.1/24', 'fd00::1/64', '0.0.0.0/0', '::/0', '::ffff:10.0.0.1', '10.0.0.1/33', '1:2'],
  ...[
    'host.example:51820',
    '[2001:db8::1]:51820',
    '2001:db8::1:5',
    '192.0.2.1:0',
    'off',
    'OFF',
    '0x1f',
    '25',
  ],
  ...[
    '65535',
    '65536',
    '1420',
    '-1',
    'true',
    'auto',
    '%i',
    'iptables -A',
    ',',
    ',,',
    '#',
    '=',
    ' ',
    '\t',
    '',
  ],
];
const CHARACTERS = [
  '\0',
  '\ufeff',
  '\ud800',
  '\u00a0',
  '\r',
  '\n',
  '=',
  '#',
  '[',
  ']',
  ',',
  ';',
  '/',
  ':',
  'é',
];

export function run(seed: number): void {
  const random = new SeededRandom(seed);
  const secrets: string[] = [];
  const made = makeText(random, secrets);
  const text = random.below(3) === 0 ? made : mutate(random, made);
  const { config, issues } = checkConfig(text);
  strictEqual(
    config === undefined,
    issues.some(({ severity }) => severity === 'error'),
  );
  for (const { line, column, message } of issues) {
    ok(line >= 1 && column >= 1 && message.length < 400, message);
    for (const secret of secrets) ok(!message.includes(secret.slice(0, 20)), `key material in: ${message}`);
  }
  if (!config) return;
  const printed = formatConfig(config);
  const again = parseConfig(printed);
  deepStrictEqual(again, config);
  strictEqual(formatConfig(again), printed);
  deepStrictEqual(JSON.parse(JSON.stringify(config)), config);
}

/** Values that fit, by key: texts made of these get past the first line. */
const FITTING: { Interface: Record<string, string[]>; Peer: Record<string, string[]> } = {
  Interface: {
    ListenPort: ['0', '51820', '65535', '0080'],
    FwMark: ['off', '0', '0x1f', '4294967295'],
    Address: ['10.0.0.2/24', '10.0.0.2', 'fd00::2/64, 10.0.0.2/32', '::1 10.9.9.9/8', '::ffff:10.0.0.1'],
    DNS: ['10.0.0.1', 'fd00::1, corp.example', 'one two 1.1.1.1', ''],
    MTU: ['1280', '1420', '576', '9000'],
    Table: ['off', 'auto', '0x2a', 'main'],
    SaveConfig: ['true', 'FALSE'],
    PreUp: ['echo %i', 'iptables -A INPUT; true', ''],
    PostDown: ['  true  '],
  },
  Peer: {
    AllowedIPs: [
      '0.0.0.0/0, ::/0',
      '10.0.0.1',
      '10.1.2.3/8,10.0.0.0/8',
      'fd00::/8',
      '+10.7.0.0/16',
      '0.0.0.0/0',
    ],
    Endpoint: [
      'host.example:51820',
      '[2001:db8::1]:1',
      '2001:db8::1:5',
      '192.0.2.1:65535',
      '[fe80::1%eth0]:7',
    ],
    PersistentKeepalive: ['0', 'off', '25', '65535'],
  },
};

function makeText(random: SeededRandom, secrets: string[]): string {
  const pick = <T>(list: T[]): T => list[random.below(list.length)]!;
  const secret = () => {
    secrets.push(toBase64(random.bytes(32)));
    return secrets.at(-1)!;
  };
  const equals = () => pick(['=', ' = ', '  =\t']);
  const lines = ['[Interface]', `PrivateKey = ${secret()}`];
  const isSound = random.below(3) > 0;
  let section: keyof typeof FITTING = 'Interface';
  for (let n = random.below(12); n > 0; n--) {
    const key = isSound ? pick(['[Peer]', 'PresharedKey', ...Object.keys(FITTING[section])]) : pick(KEYS);
    const mayRepeat = random.below(4) === 0 && secrets.length > 1;
    if (key === '[Peer]') {
      section = 'Peer';
      lines.push(key, `PublicKey = ${mayRepeat ? secrets[1] : secret()}`);
    } else if (key.startsWith('[')) {
      lines.push(key);
    } else if (key.endsWith('Key')) {
      if (!isSound || section === 'Peer') lines.push(`${key} = ${secret()}`);
    } else if (isSound) {
      lines.push(`${key}${equals()}${pick(FITTING[section][key]!)}`);
    } else {
      const more = random.below(4) === 0 ? `,${pick(VALUES)}` : '';
      lines.push(`${key}${equals()}${pick(VALUES)}${more}`);
    }
  }
  return lines.join(pick(['\n', '\r\n', '\n\n']));
}

function mutate(random: SeededRandom, text: string): string {
  for (let n = random.below(4); n > 0; n--) {
    const at = random.below(text.length + 1);
    const kind = random.below(3);
    const insert =
      kind === 0
        ? ''
        : kind === 1
          ? CHARACTERS[random.below(CHARACTERS.length)]!
          : text.slice(at, at + random.below(60));
    text = text.slice(0, at) + insert + text.slice(at + random.below(3));
  }
  return text;
}
