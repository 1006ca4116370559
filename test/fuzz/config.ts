// Configuration texts: any text gives a configuration or errors, in bounded time; no exception, no key in a message;
// what is accepted comes back from its own text.
import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { toBase64 } from '../../src/core/bytes.ts';
import { checkConfig, formatConfig, parseConfig } from '../../src/core/wireguard/config.ts';
import { SeededRandom } from '../support/random.ts';

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
  const text = mutate(random, makeText(random, secrets));
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

function makeText(random: SeededRandom, secrets: string[]): string {
  const pick = <T>(list: T[]): T => list[random.below(list.length)]!;
  const secret = () => {
    secrets.push(toBase64(random.bytes(32)));
    return secrets.at(-1)!;
  };
  const lines = ['[Interface]', `PrivateKey = ${secret()}`];
  for (let n = random.below(12); n > 0; n--) {
    const key = pick(KEYS);
    if (key === '[Peer]') lines.push(key, `PublicKey = ${secret()}`);
    else if (key.startsWith('[')) lines.push(key);
    else if (key.endsWith('Key')) lines.push(`${key} = ${secret()}`);
    else
      lines.push(
        `${key}${pick(['=', ' = ', '  =\t'])}${pick(VALUES)}${random.below(4) === 0 ? `,${pick(VALUES)}` : ''}`,
      );
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
