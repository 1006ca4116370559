// The peer that stands behind a relay in the benches (c/peer.c).
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { Child, run } from '../support/child-process.ts';

const SOURCE = join(import.meta.dirname, 'c/peer.c');
const PRODUCTS = join(import.meta.dirname, '../../dist/bench');

export class UdpPeer {
  readonly port: number;
  readonly #child: Child;
  #reports = 0;

  private constructor(child: Child, port: number) {
    this.#child = child;
    this.port = port;
  }

  static async start(): Promise<UdpPeer> {
    const child = new Child(await compiled(), []);
    const [, port] = await child.saw(/^port (\d+)$/m);
    return new UdpPeer(child, Number(port));
  }

  /** Data messages that came and datagrams that left. */
  async counts(): Promise<{ received: number; sent: number }> {
    this.#child.process.kill('SIGUSR1');
    const nth = new RegExp(`(?:^\\{.*\\}$\\s*){${this.#reports++}}^(\\{.*\\})$`, 'm');
    const [, json] = await this.#child.saw(nth);
    return JSON.parse(json!) as { received: number; sent: number };
  }

  async stop(): Promise<void> {
    await this.#child.stop();
  }
}

async function compiled(): Promise<string> {
  const version = createHash('sha256').update(readFileSync(SOURCE)).digest('hex').slice(0, 12);
  const path = join(PRODUCTS, `peer-${version}`);
  if (existsSync(path)) return path;
  mkdirSync(PRODUCTS, { recursive: true });
  const draft = `${path}.${process.pid}`;
  await run('gcc', ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror', '-o', draft, SOURCE]);
  renameSync(draft, path);
  return path;
}
