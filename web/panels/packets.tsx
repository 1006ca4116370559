// A chunk of its own: loaded with the tools, once a peer has answered.
import { useSignal } from '@preact/signals';
import { count, formatBytes } from '../format.ts';
import type { ConsoleModel } from '../model.ts';
import { CaptureRun } from '../packets/capture-run.ts';
import { PACKETS_KEPT, type PacketRow } from '../packets/packet-book.ts';
import { Field } from '../parts/field.tsx';
import { saveFile } from '../parts/save-file.ts';
import { Scrollable } from '../parts/scrollable.tsx';
import { Outcome, Tool } from '../parts/tool.tsx';
import { useRun } from '../tools/use-run.ts';
import '../style/packets.css';

const SHOWN = 200;

/** The packets inside the tunnel as they pass, and all of them as a file for Wireshark. */
export function PacketsPanel({ model }: { model: ConsoleModel }) {
  const run = useRun(CaptureRun);
  const filter = useSignal('');
  const start = () => {
    const tunnel = model.session.tunnel.value;
    if (tunnel)
      void run.capture(tunnel, filter.value.trim(), (error) => model.session.adviseOn(error, 'the capture'));
  };
  // The book is changed in place: this says when.
  const { book } = run.painted.value >= 0 ? run : run;
  return (
    <Tool
      name="Packets"
      action="Start capture"
      run={run}
      onStart={start}
      form={
        <Field
          id="packet-filter"
          label="Capture filter"
          value={filter}
          placeholder="tcp and host 10.0.0.5 and port 443"
          required={false}
        />
      }
    >
      {book.seen === 0 && !run.advice.value && (
        <p class="dim empty">
          {run.running.value
            ? 'Waiting for the first packet…'
            : 'Shows what passes inside the tunnel, unencrypted, in both directions; saves it as a file for Wireshark.'}
        </p>
      )}
      {book.seen > 0 && <Seen run={run} />}
    </Tool>
  );
}

function Seen({ run }: { run: CaptureRun }) {
  const { book } = run;
  const words = useSignal('');
  const rows = book.find(words.value);
  const shown = rows.slice(-SHOWN).reverse();
  return (
    <>
      <div class="line-form">
        <Field
          id="packet-words"
          label="Show only"
          value={words}
          placeholder="syn, dropped, 10.0.0.5"
          required={false}
        />
        <button type="button" onClick={() => saveFile(run.file)}>
          Save .pcapng
        </button>
        <button type="button" onClick={() => run.clear()}>
          Clear
        </button>
      </div>
      <Outcome>{run.running.value ? undefined : `${count(book.seen, 'packet')} captured.`}</Outcome>
      {shown.length > 0 && <Packets rows={shown} />}
      <p class="dim">{amountText(run, rows.length, shown.length)}</p>
    </>
  );
}

function amountText({ book }: CaptureRun, found: number, shown: number): string {
  const parts = [`${book.seen} seen`, `${formatBytes(book.bytes)} kept for the file`];
  if (shown < found) parts.unshift(`The last ${shown} of ${found}`);
  else if (found < book.kept) parts.unshift(`${found} match`);
  if (book.kept < book.seen) parts.push(`the oldest made room: ${PACKETS_KEPT} packets are kept at most`);
  if (book.lost > 0) parts.push(`${book.lost} came too fast to be seen`);
  return `${parts.join(' · ')}.`;
}

function Packets({ rows }: { rows: readonly PacketRow[] }) {
  return (
    <Scrollable name="Packets" isWide>
      <table aria-label="Packets">
        <thead>
          <tr>
            <th scope="col" class="number">
              Time
            </th>
            <th scope="col">Way</th>
            <th scope="col">Protocol</th>
            <th scope="col">Source → destination</th>
            <th scope="col" class="number">
              Bytes
            </th>
            <th scope="col">What it says</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.number}>
              <td class="number mono">{(row.after / 1000).toFixed(3)}</td>
              <td class={row.isOutbound ? 'packet-out' : 'packet-in'}>{row.isOutbound ? '↑ out' : '↓ in'}</td>
              <td>{row.protocol}</td>
              <td class="mono packet-ends">
                {row.source} → {row.destination}
              </td>
              <td class="number">{row.length}</td>
              <td class="packet-info">
                {row.info}
                {row.comment !== undefined && <span class="bad"> {row.comment}</span>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scrollable>
  );
}
