// `tabwire genkey | pubkey | genpsk` beside the real wg(8): the same input gives the same output, exit code and silence.
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keyFor } from '../../src/cli/keys.ts';
import { type BundledCommand, bundleCommand } from '../support/bundled-command.ts';
import { SeededRandom } from '../support/random.ts';

const hasWg = spawnSync('wg', ['--version']).status === 0;
if (!hasWg) console.log('Skipped: comparisons with wg(8), because wg is not found: install wireguard-tools');

let command: BundledCommand;
beforeAll(async () => {
  command = await bundleCommand();
});
afterAll(() => command.remove());

interface Result {
  code: number | null;
  out: string;
  err: string;
}

/** `output`: a file in place of the pipe. */
function run(command: string, args: string[], input: Uint8Array | string, output?: string): Promise<Result> {
  const fd = output === undefined ? 'pipe' : openSync(output, 'w');
  const child = spawn(command, args, { stdio: ['pipe', fd, 'pipe'] });
  const result: Result = { code: null, out: '', err: '' };
  child.stdout?.on('data', (chunk: Buffer) => (result.out += chunk.toString('latin1')));
  child.stderr!.on('data', (chunk: Buffer) => (result.err += chunk.toString('latin1')));
  // Whoever has read enough stops reading.
  child.stdin!.on('error', () => {});
  child.stdin!.end(input);
  return new Promise((resolve) => {
    child.on('close', (code) => {
      if (typeof fd === 'number') closeSync(fd);
      resolve({ ...result, code });
    });
  });
}

function ours(args: string[], input: Uint8Array | string = '', output?: string): Promise<Result> {
  return run(process.execPath, [command.main, ...args], input, output);
}

const KEY = 'yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=';
const PUBLIC = 'HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=';

const random = new SeededRandom(5);
const anyKey = () => Buffer.from(random.bytes(32)).toString('base64');

const INPUTS: [string, Uint8Array | string][] = [
  ['a key', KEY],
  ['a key and a newline', `${KEY}\n`],
  ['a key and CRLF', `${KEY}\r\n`],
  ['a key and all white space there is', `${KEY} \t\n\v\f\r\n`],
  ['a key and NUL', `${KEY}\0\0\n`],
  ['white space before', ` ${KEY}`],
  ['a newline before', `\n${KEY}\n`],
  ['something behind', `${KEY}x`],
  ['something behind white space', `${KEY}\n# mine`],
  ['two keys', `${KEY}\n${KEY}\n`],
  ['a no-break space behind', `${KEY}\u00a0`],
  ['a byte that is no UTF-8 behind', Buffer.concat([Buffer.from(KEY), Buffer.of(0x85)])],
  ['a no-break space of Latin-1 behind', Buffer.concat([Buffer.from(KEY), Buffer.of(0xa0)])],
  ['nothing', ''],
  ['a newline', '\n'],
  ['44 newlines', '\n'.repeat(44)],
  ['43 characters', KEY.slice(0, 43)],
  ['43 characters and a newline', `${KEY.slice(0, 43)}\n`],
  ['45 characters', `A${KEY}`],
  ['two padding characters', `${KEY.slice(0, 42)}==`],
  ['no padding', `${KEY.slice(0, 43)}A`],
  ['spare bits', `${KEY.slice(0, 42)}l=`],
  ['another spare bit', `${KEY.slice(0, 42)}m=`],
  ['the URL-safe alphabet', `${KEY.slice(0, 7)}-${KEY.slice(8)}`],
  ['a newline inside', `${KEY.slice(0, 20)}\n${KEY.slice(20)}`],
  ['a NUL inside', `${KEY.slice(0, 20)}\0${KEY.slice(21)}`],
  ['a letter that is none inside', `${KEY.slice(0, 20)}é${KEY.slice(22)}`],
  ['hex', Buffer.from(KEY, 'base64').toString('hex')],
  ['all zero', `${'A'.repeat(43)}=`],
  ['all one', `${'/'.repeat(42)}8=`],
  ['an unclamped key', `/////////////////////////////////////////w8=`],
  ...Array.from({ length: 8 }, (_, i): [string, string] => [`key ${i} of any`, anyKey()]),
];

/** The command in this process, its input in pieces of `size` bytes. */
async function answer(input: Uint8Array | string, size: number): Promise<Result> {
  const bytes = Buffer.from(input as string);
  const pieces = async function* () {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  };
  try {
    return { code: 0, out: `${await keyFor('pubkey', pieces())}\n`, err: '' };
  } catch (error) {
    return { code: 1, out: '', err: `wg: ${(error as Error).message}\n` };
  }
}

describe.runIf(hasWg)('tabwire pubkey answers as wg pubkey', () => {
  it.each(INPUTS)('%s', async (_name, input) => {
    const theirs = await run('wg', ['pubkey'], input);
    for (const size of [1, 7, 44, 45, 1000]) expect(await answer(input, size)).toEqual(theirs);
    for (const part of [KEY.slice(0, 20), KEY.slice(20, 40)]) expect(theirs.err).not.toContain(part);
  });

  it('three hundred keys that are mutilated, or not', () => {
    const wg = (input: Uint8Array) => spawnSync('wg', ['pubkey'], { input });
    const work = Array.from({ length: 300 }, async () => {
      const bytes = Buffer.from(`${anyKey()}\n`);
      for (let i = random.below(3); i > 0; i--) bytes[random.below(bytes.length)] = random.below(256);
      const input = bytes.subarray(0, random.below(4) === 0 ? random.below(46) : 45);
      const theirs = wg(input);
      expect(await answer(input, 20), input.toString('hex')).toEqual({
        code: theirs.status,
        out: theirs.stdout.toString('latin1'),
        err: theirs.stderr.toString('latin1'),
      });
    });
    return Promise.all(work);
  });

  it.each(INPUTS.slice(0, 1).concat(INPUTS.slice(5, 6), INPUTS.slice(7, 8)))(
    '%s, as processes',
    async (_name, input) => {
      const [theirs, mine] = await Promise.all([run('wg', ['pubkey'], input), ours(['pubkey'], input)]);
      expect(mine).toEqual({ ...theirs, err: theirs.err.replace(/^wg:/, 'tabwire pubkey:') });
    },
  );
});

describe('tabwire pubkey', () => {
  it('prints the public key, and nothing else', async () => {
    expect(await ours(['pubkey'], `${KEY}\n`)).toEqual({ code: 0, out: `${PUBLIC}\n`, err: '' });
  });

  it('stops reading at the first byte that is too many', async () => {
    const child = spawn('sh', ['-c', `yes | "$0" "$1" pubkey`, process.execPath, command.main], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect(code).toBe(1);
  });
});

describe('tabwire genkey and genpsk', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tabwire-keys-'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('print a key that is new each time; a private key is clamped', async () => {
    const [one, two, psk] = await Promise.all([ours(['genkey']), ours(['genkey']), ours(['genpsk'])]);
    for (const { code, out, err } of [one, two, psk]) {
      expect([code, err]).toEqual([0, '']);
      expect(out).toMatch(/^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=\n$/);
    }
    expect(one.out).not.toBe(two.out);
    const bytes = Buffer.from(one.out, 'base64');
    expect([bytes[0]! & 7, bytes[31]! & 0xc0]).toEqual([0, 0x40]);
  });

  it.runIf(hasWg)('print what wg pubkey takes', async () => {
    const { out } = await ours(['genkey']);
    const [theirs, mine] = await Promise.all([run('wg', ['pubkey'], out), ours(['pubkey'], out)]);
    expect(theirs.code).toBe(0);
    expect(mine.out).toBe(theirs.out);
  });

  it.runIf(hasWg).each([
    ['genkey', 0o644],
    ['genkey', 0o601],
    ['genkey', 0o660],
    ['genpsk', 0o602],
    ['pubkey', 0o644],
  ])('%s into a file of mode %o warns where wg does, in its words', async (command, mode) => {
    const file = (name: string) => {
      const path = join(folder, `${name}-${command}-${mode}`);
      writeFileSync(path, '');
      chmodSync(path, mode);
      return path;
    };
    const [theirFile, ourFile] = [file('theirs'), file('ours')];
    const [theirs, mine] = await Promise.all([
      run('wg', [command], KEY, theirFile),
      ours([command], KEY, ourFile),
    ]);
    expect(mine.err).toBe(theirs.err);
    expect(mine.code).toBe(theirs.code);
    expect(readFileSync(ourFile)).toHaveLength(readFileSync(theirFile).length);
  });

  it.runIf(hasWg).each(['genkey', 'genpsk', 'pubkey'])('%s refuses arguments as wg does', async (command) => {
    for (const args of [['extra'], [''], ['--help', 'more']]) {
      const [theirs, mine] = await Promise.all([
        run('wg', [command, ...args], KEY),
        ours([command, ...args], KEY),
      ]);
      expect([mine.code, mine.out]).toEqual([theirs.code, theirs.out]);
      expect([mine.err !== '', theirs.err !== '']).toEqual([true, true]);
    }
  });

  it.each(['genkey', 'genpsk', 'pubkey'])('%s --help says what it is for', async (command) => {
    expect(await ours([command, '--help'])).toMatchObject({
      code: 0,
      out: expect.stringContaining(`Usage: tabwire ${command}`) as string,
      err: '',
    });
  });

  // wg says that all is well.
  it.runIf(existsSync('/dev/full')).each(['genkey', 'genpsk', 'pubkey'])(
    '%s fails when its key cannot be written',
    async (command) => {
      const { code, err } = await ours([command], KEY, '/dev/full');
      expect(code).toBe(1);
      expect(err).toMatch(/^tabwire [a-z]+: .*ENOSPC.*\n$/);
    },
  );
});
