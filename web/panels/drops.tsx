import type { TunnelStatus } from '../../src/index.ts';
import { count } from '../format.ts';

/** What was refused and why, by layer; closed until somebody asks. */
export function Drops({ status }: { status: TunnelStatus }) {
  const rows = [
    ...reasons('Transport', status.drops.transport),
    ...reasons('WireGuard', status.drops.wireguard),
    ...status.peers.flatMap((peer) => reasons(`Peer ${peer.publicKey.slice(0, 6)}…`, peer.drops)),
    ...reasons('Network stack', status.drops.netstack),
  ];
  const total = rows.reduce((sum, row) => sum + row.number, 0);
  return (
    <details class="drops">
      <summary>
        Dropped <span class="dim">{total === 0 ? 'nothing' : count(total, 'packet')}</span>
      </summary>
      {rows.length === 0 ? (
        <p class="dim">Everything that arrived was understood and let through.</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">Where</th>
              <th scope="col">Reason</th>
              <th scope="col" class="number">
                Packets
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ layer, reason, number }) => (
              <tr key={`${layer} ${reason}`}>
                <td>{layer}</td>
                <td>{reason.replaceAll('_', ' ')}</td>
                <td class="number">{number}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </details>
  );
}

function reasons(layer: string, drops: Record<string, number>) {
  return Object.entries(drops)
    .filter(([, number]) => number > 0)
    .map(([reason, number]) => ({ layer, reason, number }));
}
