import { text } from 'node:stream/consumers';
import { derivePublicKey, generatePresharedKey, generatePrivateKey } from '../client/keys.ts';

/** `genkey`, `pubkey`, `genpsk`: same input and same output as wg(8). */
export async function generateKeys(command: 'genkey' | 'pubkey' | 'genpsk', args: string[]): Promise<void> {
  if (args.includes('--help')) {
    process.stdout.write(`Usage: tabwire ${command}${command === 'pubkey' ? ' < PRIVATE-KEY' : ''}\n`);
    return;
  }
  if (args.length > 0) throw new Error(`unexpected argument; ${command} takes none.`);
  process.stdout.write(`${await keyFor(command)}\n`);
}

async function keyFor(command: 'genkey' | 'pubkey' | 'genpsk'): Promise<string> {
  switch (command) {
    case 'genkey':
      return generatePrivateKey();
    case 'genpsk':
      return generatePresharedKey();
    case 'pubkey':
      return derivePublicKey(await text(process.stdin));
  }
}
