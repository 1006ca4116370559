import { join } from 'node:path';
import { DEFAULT_LIMITS } from '../../../src/relay-host/index.ts';
import { Child } from '../../support/child-process.ts';
import { freeTcpPort } from '../../support/free-port.ts';
import type { BenchRelayOptions } from './relay-child.ts';

const SCRIPT = join(import.meta.dirname, '../../../dist/bench/relay-child.mjs');

/** With all its limits, but as much traffic as it can carry. */
const LIMITS = {
  ...DEFAULT_LIMITS,
  datagramsPerSecond: 1_000_000,
  bytesPerSecond: 2_000_000_000,
  upgradesPerSecond: 100,
};

/** The real relay, as built. */
export class BenchRelay {
  readonly port: number;
  readonly url: string;
  readonly #child: Child;

  private constructor(port: number, child: Child) {
    this.port = port;
    this.url = `ws://127.0.0.1:${port}/v1`;
    this.#child = child;
  }

  /** To one endpoint, for one page's origin and for programs. */
  static async start(
    endpoint: string,
    origin: string,
    isUnbatched = false,
    maxMessage = DEFAULT_LIMITS.maxMessage,
  ): Promise<BenchRelay> {
    const port = await freeTcpPort();
    const options: BenchRelayOptions = {
      listen: `127.0.0.1:${port}`,
      allow: [endpoint],
      origins: [origin],
      allowNoOrigin: true,
      limits: { ...LIMITS, maxMessage },
      isUnbatched,
    };
    const child = new Child(process.execPath, [SCRIPT, JSON.stringify(options)]);
    await child.saw(/^listening$/m);
    return new BenchRelay(port, child);
  }

  get pid(): number {
    return this.#child.pid;
  }

  async stop(): Promise<void> {
    await this.#child.stop('SIGKILL');
  }
}
