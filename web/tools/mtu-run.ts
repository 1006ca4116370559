import { signal } from '@preact/signals';
import type { Tunnel } from '../../src/index.ts';
import { type Explain, Run } from './run.ts';

/** What the way to a host carries. */
export class MtuRun extends Run {
  /** Bytes of whole IP packet. */
  readonly mtu = signal<number | undefined>();

  async measure(tunnel: Tunnel, host: string, explain: Explain): Promise<void> {
    this.mtu.value = undefined;
    await this.start(explain, async (signal) => {
      const mtu = await tunnel.pathMtu(host, { signal });
      if (!signal.aborted) this.mtu.value = mtu;
    });
  }
}

/** What it means for the tunnel, whose own limit is `tunnelMtu`. */
export function mtuMeaning(mtu: number, tunnelMtu: number): string {
  if (mtu >= tunnelMtu) return 'Everything that this tunnel sends gets there whole.';
  return `Less than the ${tunnelMtu} of this tunnel: “MTU = ${mtu}” under [Interface] avoids pieces and lost packets.`;
}
