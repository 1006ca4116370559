import type { TunnelStatus } from '../../src/index.ts';
import { lazy } from '../parts/lazy.tsx';

/** With its words for each reason, which most never need. */
const DropList = lazy(async () => (await import('./drop-list.tsx')).DropList);

/** What went no further, if anything. */
export function Drops({ status }: { status: TunnelStatus }) {
  return hasDrops(status) ? <DropList status={status} /> : <NoDrops />;
}

function NoDrops() {
  return (
    <details class="drops">
      <summary>
        Dropped <span class="dim">nothing</span>
      </summary>
      <p class="dim">Everything that arrived was understood and let through.</p>
    </details>
  );
}

function hasDrops({ drops, peers }: TunnelStatus): boolean {
  const all = [...Object.values(drops), ...peers.map((peer) => peer.drops)];
  return all.some((reasons) => Object.values(reasons).some((number) => number > 0));
}
