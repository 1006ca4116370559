// `tabwire relay token`: makes the key with which an operator signs tokens, and the tokens.
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import {
  issueToken,
  MAX_LIFETIME,
  normalizeOrigin,
  SUBJECT,
  type TokenRequest,
} from '../relay-host/index.ts';
import { reasonOf } from './system-error.ts';

const USAGE = `Usage: tabwire relay token --new-key FILE
       tabwire relay token --key FILE --to DESTINATION --subject NAME [OPTIONS]

The first makes a key pair: FILE signs tokens and is nobody else's business, FILE.pub goes to the relay
(tabwire relay --token-key FILE.pub). The second prints a token, with which one client opens one session.

  --to DESTINATION      what it may reach, of what the relay allows: HOST:PORT, or an alias; may be repeated
  --subject NAME        whom it is for: the relay counts sessions by it, and can be told to refuse it
  --origin ORIGIN       the page that may use it, such as https://console.example.com; without this only programs
                        that are not pages can
  --lifetime SECONDS    until when a session may be opened with it (default and at most ${MAX_LIFETIME})
  --session SECONDS     how long that session may last
  --channels N          how many endpoints it may use at once
  --help                print this
`;

/** Rejects with a one-line reason for arguments that are wrong. */
export async function runRelayToken(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      'new-key': { type: 'string' },
      key: { type: 'string' },
      to: { type: 'string', multiple: true },
      subject: { type: 'string' },
      origin: { type: 'string' },
      lifetime: { type: 'string' },
      session: { type: 'string' },
      channels: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  if (values['new-key'] !== undefined) {
    makeKey(values['new-key']);
    return;
  }
  const { key, to = [], subject = '', origin } = values;
  if (key === undefined) throw new Error('name the key with --key FILE; --new-key FILE makes one');
  if (to.length === 0) throw new Error('say what it may reach with --to HOST:PORT');
  if (!SUBJECT.test(subject))
    throw new Error('say whom it is for with --subject NAME: 1 to 128 printable characters, no spaces');
  const request: TokenRequest = {
    subject,
    destinations: to,
    ...(origin !== undefined && { origin: checkOrigin(origin) }),
    lifetime: numberOf('--lifetime', values.lifetime, MAX_LIFETIME) ?? MAX_LIFETIME,
    ...optional('session', numberOf('--session', values.session, 43_200)),
    ...optional('channels', numberOf('--channels', values.channels, 63)),
  };
  process.stdout.write(`${await issueToken(readKey(key), request, Date.now())}\n`);
}

function makeKey(file: string): void {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const write = (path: string, text: string | Buffer, mode: number): void => {
    try {
      writeFileSync(path, text, { mode, flag: 'wx' });
    } catch (error) {
      throw new Error(`cannot make ${path} (${(error as NodeJS.ErrnoException).code})`);
    }
  };
  write(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), 0o600);
  write(`${file}.pub`, publicKey.export({ type: 'spki', format: 'pem' }), 0o644);
  process.stderr.write(`${file} signs tokens; the relay needs ${file}.pub\n`);
}

function readKey(file: string): KeyObject {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`cannot read ${file}: ${reasonOf(error)}`);
  }
  try {
    const key = createPrivateKey(text);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // Said below: what the file holds is not shown.
  }
  throw new Error(`${file} is no Ed25519 private key (PEM)`);
}

function checkOrigin(text: string): string {
  const origin = normalizeOrigin(text);
  if (origin === undefined)
    throw new Error(`--origin "${text}": expected scheme://host[:port], such as https://console.example.com`);
  return origin;
}

function numberOf(name: string, text: string | undefined, most: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > most) throw new Error(`${name}: expected 1 to ${most}`);
  return value;
}

function optional<Name extends string>(name: Name, value: number | undefined) {
  return value === undefined ? {} : ({ [name]: value } as Record<Name, number>);
}
