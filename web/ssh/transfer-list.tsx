import { formatBytes } from '../format.ts';
import { CopyButton } from '../parts/copy-button.tsx';
import type { Transfer } from './files.ts';

/** What is on its way, and what came of it. */
export function TransferList({ transfers }: { transfers: readonly Transfer[] }) {
  if (transfers.length === 0) return null;
  return (
    <ul class="transfers" aria-label="Transfers">
      {transfers.map((transfer) => (
        <Row key={transfer.id} transfer={transfer} />
      ))}
    </ul>
  );
}

const VERBS = { up: 'Upload', down: 'Download' };

function Row({ transfer }: { transfer: Transfer }) {
  const { name, direction, bytes, total, state, digest, problem, stop } = transfer;
  const label = `${VERBS[direction]} of ${name}`;
  return (
    <li class="transfer">
      <span class="transfer-name">{label}</span>
      {state === 'running' && (
        <>
          <progress aria-label={label} max={Math.max(1, total)} value={total === 0 ? 1 : bytes} />
          <span class="transfer-amount">
            {formatBytes(bytes)} of {formatBytes(total)}
          </span>
          <button type="button" class="quiet" aria-label={`Stop the ${label.toLowerCase()}`} onClick={stop}>
            Stop
          </button>
        </>
      )}
      <span role="status" class={state === 'failed' ? 'bad' : 'dim'}>
        {state === 'done' && `${formatBytes(bytes)}, done`}
        {state === 'stopped' && 'stopped'}
        {state === 'failed' && problem}
      </span>
      {state === 'done' && (
        <span class="transfer-digest">
          <span class="mono" title="SHA-256">
            {digest}
          </span>
          <CopyButton text={digest} what={`the SHA-256 of ${name}`} />
        </span>
      )}
    </li>
  );
}
