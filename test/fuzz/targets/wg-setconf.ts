// Configuration texts given to the real tool as well: what `wg setconf` takes, this parser takes, and holds the same;
// what the tool refuses, this parser refuses. Where the two differ on purpose (test/vectors/wg_config_cases.json says
// where), both verdicts are checked against that purpose. Needs root, wireguard-tools and wireguard-go.
import { deepStrictEqual, ok } from 'node:assert';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toBase64 } from '../../../src/core/bytes.ts';
import { checkConfig, parseConfig, type TunnelConfig } from '../../../src/core/wireguard/config.ts';
import { type Child, run as runProgram, until } from '../../support/child-process.ts';
import { Namespace, uniqueName } from '../../support/namespace.ts';
import { obstacle } from '../../support/prerequisites.ts';
import { SeededRandom } from '../../support/random.ts';

export const name = 'wg-setconf';

/** Texts in one iteration: a shell loads them all, because starting programs is what takes the time. */
const BATCH = 40;

let namespace: Namespace | undefined;
let wireguard: Child | undefined;
let folder = '';

export async function prepare(): Promise<string | undefined> {
  const why = await obstacle('interop');
  if (why !== undefined) return why;
  const device = uniqueName();
  namespace = await Namespace.create(device);
  wireguard = namespace.start('wireguard-go', ['--foreground', device]);
  await until('the control socket', () => existsSync(`/var/run/wireguard/${device}.sock`));
  folder = mkdtempSync(join(tmpdir(), 'tabwire-fuzz-'));
  return undefined;
}

export async function finish(): Promise<void> {
  await wireguard?.stop();
  await namespace?.delete();
  if (folder !== '') rmSync(folder, { recursive: true });
}

export async function run(seed: number): Promise<void> {
  const random = new SeededRandom(seed);
  const texts = Array.from({ length: BATCH }, () => mutate(random, makeText(random)));
  const verdicts = await ask(texts);
  for (const [n, text] of texts.entries()) compare(text, verdicts[n]!);
}

export interface Verdict {
  accepts: boolean;
  /** What the tool said, or what `wg showconf` printed. */
  output: string;
}

async function ask(texts: string[]): Promise<Verdict[]> {
  const batch = join(folder, 'batch');
  rmSync(batch, { recursive: true, force: true });
  mkdirSync(batch);
  for (const [n, text] of texts.entries()) writeFileSync(join(batch, `${n}`), text);
  const script = `cd ${batch}; for n in $(seq 0 ${texts.length - 1}); do
    if wg setconf ${namespace!.name} $n >$n.out 2>&1; then wg showconf ${namespace!.name} >$n.out && touch $n.yes; fi
  done`;
  // Names are not looked up again and again, where there is nobody to ask.
  await runProgram('ip', ['netns', 'exec', namespace!.name, 'sh', '-c', script], {
    env: { WG_ENDPOINT_RESOLUTION_RETRIES: '0' },
  });
  return texts.map((_, n) => ({
    accepts: existsSync(join(batch, `${n}.yes`)),
    output: readFileSync(join(batch, `${n}.out`), 'utf8'),
  }));
}

/** Throws where the two differ although they should not. */
export function compare(text: string, theirs: Verdict): void {
  const { config, issues } = checkConfig(text);
  const where = `${JSON.stringify(text)}\nwg: ${theirs.output}\nours: ${issues.map(({ message }) => message).join('; ')}`;
  if (!config && theirs.accepts) {
    const errors = issues.filter(({ severity }) => severity === 'error');
    ok(
      errors.every(({ message }) => STRICTER.some((rule) => rule.test(message))),
      `only wg accepts ${where}`,
    );
  } else if (config && !theirs.accepts) {
    ok(isMoreLenient(text, config), `only wg refuses ${where}`);
  } else if (config) {
    deepStrictEqual(comparable(config), comparable(parseConfig(theirs.output)), where);
  }
}

/** What the tool lets pass although nobody can mean it. */
const STRICTER = [
  /no \[Interface\] section/,
  /PrivateKey: all zero/,
  /PublicKey: all zero/,
  /ListenPort .*: port must be 0–65535/,
  // Services by name, ports that wrap around, and port 0.
  /Endpoint .*: port must be 1–65535/,
  /Endpoint .*: not an IPv4 address/,
  /Endpoint .*: the (unspecified|broadcast) address/,
  // The tool's resolver takes a zone for whatever interface there is, or drops it.
  /Endpoint .*: (not an IPv6 address|expected a host name)/,
];

/** Where this parser takes what the tool does not. */
function isMoreLenient(text: string, { peers }: TunnelConfig): boolean {
  if (text.startsWith('\ufeff') || /AllowedIPs[^\n]*\+/i.test(text)) return true;
  if (/^\s*(in|ex)cludedapplications/im.test(text)) return true;
  // Names are resolved by whoever sends; here nobody answers. Of a zone only the sender knows whether it exists.
  return peers.some(({ endpoint }) => endpoint !== undefined && /^\[.*%|^[^[]*[a-z_][^:]*:/i.test(endpoint));
}

/** The tool sorts prefixes, shows nothing where a keepalive is off, and shows the port that was chosen. */
function comparable({ interface: section, peers }: TunnelConfig): unknown {
  return {
    privateKey: section.privateKey,
    fwMark: section.fwMark,
    peers: peers
      .map(({ publicKey, presharedKey, endpoint, allowedIPs, persistentKeepalive }) => ({
        publicKey,
        presharedKey,
        endpoint: endpoint?.replace(/%[^\]]*/, ''),
        allowedIPs: [...allowedIPs].sort(),
        persistentKeepalive: persistentKeepalive || undefined,
      }))
      .sort((a, b) => (a.publicKey < b.publicKey ? -1 : 1)),
  };
}

// ---- Making them: what the tool itself knows, and not wg-quick's additions

const VALUES: Record<string, string[]> = {
  ListenPort: ['0', '1', '51820', '65535', '65536', '0051820', '-1', 'off', ''],
  FwMark: [
    '0',
    '1',
    'off',
    '0x10',
    '0XFF',
    '4294967295',
    '4294967296',
    '0x100000000',
    '0x',
    '010',
    'OFF',
    '',
  ],
  PersistentKeepalive: ['0', '25', 'off', 'OFF', '65535', '65536', '-1', '025', '0x19', '25s', ''],
  Endpoint: [
    ...[
      '192.0.2.1:51820',
      '192.0.2.1:1',
      '192.0.2.1:65535',
      '192.0.2.1:0',
      '192.0.2.1:',
      '192.0.2.1',
      ':51820',
    ],
    ...[
      '[2001:db8::1]:51820',
      '[2001:db8::1]',
      '[2001:db8::1:51820',
      '2001:db8::1:51820',
      '[::]:1',
      '[192.0.2.1]:5',
    ],
    ...[
      '192.0.2.256:5',
      '192.0.2:5',
      '1:2',
      '0.0.0.0:5',
      '255.255.255.255:5',
      '[::ffff:192.0.2.1]:7',
      '192.0.2.1:5:6',
    ],
    ...[
      '[2001:db8::1]x:51820',
      '[]:5',
      '[2001:db8::g]:5',
      '192.0.2.1: 51820',
      '192.0.2.1:+5',
      '192.0.2.1:0x10',
      '',
    ],
  ],
  AllowedIPs: [
    ...['10.0.0.2/32', '10.0.0.2', '10.0.0.0/24', '10.1.2.3/8', '0.0.0.0/0', '::/0', 'fd00::1/64', 'fd00::2'],
    ...[
      '10.0.0.2/33',
      '10.0.0.2/',
      '10.0.0.2/-1',
      'fd00::/129',
      '::ffff:10.0.0.1/128',
      '10.0.0/8',
      '10.0.0.01/32',
    ],
    ...[
      '',
      ' ',
      '10.0.0.2/32 10.0.0.3/32',
      '10.0.0.2/08',
      '10.0.0.2/1a',
      'fd00::1%lo/64',
      'example/32',
      '*',
      '/0',
    ],
  ],
};
const STRANGERS = [
  'Foo = bar',
  'PublicKeys = x',
  'Address',
  '[Peers]',
  '[Interface',
  'x',
  '=',
  ' = 1',
  '#',
  '# x',
  '',
];
/** Without NUL, which ends a line for C. */
const CHARACTERS = [
  ...['\t', '\v', '\f', '\r', '\n', ' ', '=', '#', '[', ']', ','],
  ...['/', ':', 'é', '\u00a0'],
];

function makeText(random: SeededRandom): string {
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)]!;
  const lines = random.below(12) === 0 ? [] : ['[Interface]'];
  const keys = Array.from({ length: 2 }, () => toBase64(random.bytes(32)));
  const key = () => (random.below(12) === 0 ? makeOddKey(random) : toBase64(random.bytes(32)));
  const assign = (name: string, value: string) => {
    const spelt = random.below(8) === 0 ? name.toLowerCase() : name;
    lines.push(
      `${spelt}${pick([' = ', '=', ' =\t', '= '])}${value}${random.below(12) === 0 ? ' # text' : ''}`,
    );
  };
  const list = (name: string) =>
    Array.from({ length: random.below(5) === 0 ? 3 : 1 }, () => pick(VALUES[name]!)).join(
      pick([',', ', ', ' ,']),
    );
  if (random.below(4) > 0) assign('PrivateKey', key());
  if (random.below(3) === 0) assign('ListenPort', pick(VALUES.ListenPort!));
  if (random.below(3) === 0) assign('FwMark', pick(VALUES.FwMark!));
  for (let n = random.below(4); n > 0; n--) {
    lines.push(random.below(8) === 0 ? '[PEER]' : '[Peer]');
    if (random.below(12) > 0) assign('PublicKey', random.below(4) === 0 ? pick(keys) : key());
    if (random.below(4) === 0) assign('PresharedKey', key());
    for (let m = random.below(3); m > 0; m--) assign('AllowedIPs', list('AllowedIPs'));
    if (random.below(2) === 0) assign('Endpoint', pick(VALUES.Endpoint!));
    if (random.below(4) === 0) assign('PersistentKeepalive', pick(VALUES.PersistentKeepalive!));
  }
  if (random.below(6) === 0) lines.splice(random.below(lines.length + 1), 0, pick(STRANGERS));
  return lines.join(random.below(10) === 0 ? '\r\n' : '\n') + pick(['', '\n']);
}

function makeOddKey(random: SeededRandom): string {
  const key = toBase64(random.bytes(32));
  const odd = [
    toBase64(new Uint8Array(32)),
    key.slice(0, 43),
    `${key}=`,
    key.replace('=', ''),
    `${key.slice(0, 42)}B=`,
    `-${key.slice(1)}`,
    toBase64(random.bytes(31)),
    toBase64(random.bytes(33)),
    '',
  ];
  return odd[random.below(odd.length)]!;
}

function mutate(random: SeededRandom, text: string): string {
  if (random.below(3) > 0) return text;
  const at = random.below(text.length + 1);
  const insert = random.below(3) === 0 ? '' : CHARACTERS[random.below(CHARACTERS.length)]!;
  return text.slice(0, at) + insert + text.slice(at + random.below(2));
}
