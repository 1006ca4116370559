import { Buffer } from 'buffer';
import type { BaseAgent, ParsedKey } from 'ssh2';
import agents from 'ssh2/lib/agent.js';
import type { Signer } from './signer.ts';

type SignCallback = (error?: Error | null, signature?: Buffer) => void;

/** What an ssh-agent is to other clients: it has keys, signs with them, and gives none away. */
export function agentOf(signers: readonly Signer[]): BaseAgent {
  return new PageAgent(signers);
}

class PageAgent extends agents.BaseAgent<Buffer> {
  readonly #signers: readonly Signer[];

  constructor(signers: readonly Signer[]) {
    super();
    this.#signers = signers;
  }

  override getIdentities(callback: (error?: Error | null, keys?: Buffer[]) => void): void {
    callback(
      null,
      this.#signers.map(({ publicBlob }) => Buffer.from(publicBlob)),
    );
  }

  override sign(
    key: ParsedKey | Buffer | string,
    data: Buffer,
    options: { hash?: string } | SignCallback,
    callback: SignCallback = options as SignCallback,
  ): void {
    const blob = (key as ParsedKey).getPublicSSH();
    const signer = this.#signers.find(({ publicBlob }) => blob.equals(Buffer.from(publicBlob)));
    if (!signer) {
      callback(new Error('This page does not have that key any more.'));
      return;
    }
    const hash = typeof options === 'object' ? options.hash : undefined;
    signer.sign(data, hash).then(
      (signature) => callback(null, Buffer.from(signature)),
      (error: Error) => callback(error),
    );
  }
}
