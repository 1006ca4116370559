// `tabwire demo --write FILE`: the demo network for programs that are no page.
import { readFileSync, writeFileSync } from 'node:fs';
import { derivePublicKey, generatePrivateKey } from '../client/keys.ts';
import type { DemoPeer } from '../node/demo-peer.ts';
import { reasonOf } from './system-error.ts';

/** Tells a file of ours from one that somebody else needs. */
const MARK = '# The demo network of tabwire: of use for as long as `tabwire demo` runs.\n';

/** Enrols a key and writes a whole wg-quick file, which nobody else may read. Throws one sentence. */
export function writeDemoConfig(peer: Pick<DemoPeer, 'enrol'>, file: string): void {
  if (!isOurs(file))
    throw new Error(`--write: ${file} is there already, and not from a demo; name another file`);
  const privateKey = generatePrivateKey();
  const { config } = peer.enrol(derivePublicKey(privateKey))!;
  const text = MARK + config.replace('[Interface]\n', `[Interface]\nPrivateKey = ${privateKey}\n`);
  try {
    writeFileSync(file, text, { mode: 0o600 });
  } catch (error) {
    throw new Error(`--write: cannot write ${file}: ${reasonOf(error)}`);
  }
}

/** Also one that does not exist yet. */
function isOurs(file: string): boolean {
  try {
    return readFileSync(file, 'utf8').startsWith(MARK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true;
    throw new Error(`--write: cannot write ${file}: ${reasonOf(error)}`);
  }
}
