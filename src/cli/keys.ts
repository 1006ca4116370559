// `genkey`, `pubkey`, `genpsk`: what goes in, what comes out, what is refused, and the exit code are those of wg(8).
import { fstatSync } from 'node:fs';
import { derivePublicKey, generatePresharedKey, generatePrivateKey } from '../client/keys.ts';
import { decodeKey } from '../core/wireguard/keys.ts';

type Command = 'genkey' | 'pubkey' | 'genpsk';

const KEY_LENGTH = 44;
/** Permissions of others on a file. */
const WORLD = 0o007;

export async function generateKeys(command: Command, args: string[]): Promise<void> {
  const usage = `Usage: tabwire ${command}${command === 'pubkey' ? ' < PRIVATE-KEY' : ''}`;
  if (args.length === 1 && args[0] === '--help') {
    await print(`${usage}\n`);
    return;
  }
  if (args.length > 0) throw new Error(`it takes no arguments. ${usage}`);
  if (command !== 'pubkey') warnOfReaders();
  await print(`${await keyFor(command, process.stdin)}\n`);
}

/** What the command prints. Throws one sentence about the input, never any of it. */
export async function keyFor(command: Command, input: AsyncIterable<Buffer>): Promise<string> {
  switch (command) {
    case 'genkey':
      return generatePrivateKey();
    case 'genpsk':
      return generatePresharedKey();
    case 'pubkey':
      return derivePublicKey(await readKey(input));
  }
}

/** wg(8) takes the first 44 bytes, and behind them nothing but white space and NUL; at anything else it stops reading. */
async function readKey(input: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  for await (const chunk of input) {
    const part = chunk.toString('latin1');
    const missing = KEY_LENGTH - text.length;
    text += part.slice(0, missing);
    if (/[^\t-\r \0]/.test(part.slice(missing))) throw new Error('Trailing characters found after key');
  }
  const key = decodeKey(text);
  if (!key) throw new Error('Key is not the correct length or format');
  key.fill(0);
  return text;
}

function warnOfReaders(): void {
  try {
    const { mode } = fstatSync(1);
    const isFile = (mode & 0o170000) === 0o100000;
    if (!isFile || (mode & WORLD) === 0) return;
  } catch {
    return; // nobody reads what is closed
  }
  process.stderr.write(
    'Warning: writing to world accessible file.\nConsider setting the umask to 077 and trying again.\n',
  );
}

/** Fails where wg(8) does not: a key that nobody received, because the disk is full, is no success. */
function print(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.once('error', reject);
    process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
  });
}
