import type { TunnelStatus } from '../../src/index.ts';
import { type DropWords, dropWords } from '../drop-words.ts';
import { count } from '../format.ts';

interface Row extends DropWords {
  layer: string;
  reason: string;
  number: number;
}

/** What went no further and why, by layer; closed until somebody asks. */
export function DropList({ status }: { status: TunnelStatus }) {
  const rows = [
    ...rowsOf('Transport', status.drops.transport),
    ...rowsOf('WireGuard', status.drops.wireguard),
    ...status.peers.flatMap((peer) => rowsOf(`Peer ${peer.publicKey.slice(0, 6)}…`, peer.drops)),
    ...rowsOf('Network stack', status.drops.netstack),
  ];
  return (
    <details class="drops">
      <summary>
        Dropped <span class="dim">{summaryOf(rows)}</span>
      </summary>
      <table aria-label="Dropped packets">
        <thead>
          <tr>
            <th scope="col">Where</th>
            <th scope="col">Why</th>
            <th scope="col" class="number">
              Packets
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ layer, reason, words, number }) => (
            <tr key={`${layer} ${reason}`}>
              <td>{layer}</td>
              <td title={reason}>{words}</td>
              <td class="number">{number}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}

/** What only came too late is told apart: it is no sign of a fault. */
function summaryOf(rows: readonly Row[]): string {
  const sum = (kind: Row['kind']) =>
    rows.reduce((total, row) => total + (row.kind === kind ? row.number : 0), 0);
  const late = sum('late');
  const refused = sum('refused');
  if (refused > 0) return `${count(refused, 'packet')}${late > 0 ? `, and ${late} that came too late` : ''}`;
  return late > 0 ? `nothing but ${count(late, 'packet')} that came too late` : 'nothing';
}

function rowsOf(layer: string, drops: Record<string, number>): Row[] {
  return Object.entries(drops)
    .filter(([, number]) => number > 0)
    .map(([reason, number]) => ({ layer, reason, number, ...dropWords(reason) }));
}
