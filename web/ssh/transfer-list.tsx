import { formatBytes } from '../format.ts';
import { CopyButton } from '../parts/copy-button.tsx';
import { shownName } from './remote-name.ts';
import type { Transfer, Transfers } from './transfers.ts';

/** What is on its way, and what came of it. */
export function TransferList({ transfers }: { transfers: Transfers }) {
  if (transfers.list.value.length === 0) return null;
  return (
    <ul class="transfers" aria-label="Transfers">
      {transfers.list.value.map((transfer) => (
        <Row key={transfer.id} transfer={transfer} />
      ))}
    </ul>
  );
}

const VERBS = { up: 'Upload', down: 'Download' };

function Row({ transfer }: { transfer: Transfer }) {
  const { direction, bytes, state, problem, isTaken, again } = transfer;
  const label = `${VERBS[direction]} of ${shownName(transfer.name)}`;
  return (
    <li class="transfer">
      <span class="transfer-name">
        <bdi>{label}</bdi>
      </span>
      {state === 'running' && <Running transfer={transfer} label={label} />}
      <span role="status" class={state === 'failed' ? 'bad' : 'dim'}>
        {state === 'done' && `${formatBytes(bytes)}, done`}
        {state === 'stopped' && 'stopped'}
        {state === 'failed' && problem}
      </span>
      {(state === 'failed' || state === 'stopped') && (
        <button type="button" class="quiet" aria-label={`${label}: ${againName(isTaken)}`} onClick={again}>
          {againName(isTaken)}
        </button>
      )}
      {state === 'done' && <Digest transfer={transfer} />}
    </li>
  );
}

function againName(isTaken: boolean): string {
  return isTaken ? 'Replace' : 'Try again';
}

function Running({ transfer, label }: { transfer: Transfer; label: string }) {
  const { bytes, total, stop } = transfer;
  return (
    <>
      <progress aria-label={label} max={Math.max(1, total)} value={total === 0 ? 1 : bytes} />
      <span class="transfer-amount">
        {formatBytes(bytes)} of {formatBytes(total)}
      </span>
      <button type="button" class="quiet" aria-label={`${label}: stop`} onClick={stop}>
        Stop
      </button>
    </>
  );
}

function Digest({ transfer: { digest, name } }: { transfer: Transfer }) {
  return (
    <span class="transfer-digest">
      <span class="mono" title="SHA-256">
        {digest}
      </span>
      <CopyButton text={digest} what={`the SHA-256 of ${shownName(name)}`} />
    </span>
  );
}
