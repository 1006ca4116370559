// A chunk of its own: loaded when somebody unfolds it.
import { useSignal } from '@preact/signals';
import type { LogLevel } from '../../src/index.ts';
import { count } from '../format.ts';
import type { LogBook, LogLine } from '../log/log-book.ts';
import { chooseLines, exportText, fieldsText, withoutCredentials } from '../log/log-text.ts';
import { Field, Select } from '../parts/field.tsx';
import { saveFile } from '../parts/save-file.ts';
import { Scrollable } from '../parts/scrollable.tsx';
import '../style/tools.css';
import '../style/log.css';

const SHOWN = 300;
const CHOICES = [
  ['debug', 'Everything'],
  ['info', 'Info and above'],
  ['warn', 'Warnings and errors'],
  ['error', 'Errors'],
] as const;

/** What happened, newest first. */
export function LogPanel({ log }: { log: LogBook }) {
  const least = useSignal<LogLevel>('debug');
  const words = useSignal('');
  // The lines are changed in place: this says when.
  const all = log.written.value >= 0 ? log.lines : [];
  const chosen = chooseLines(all, least.value, words.value);
  const save = () => {
    const blob = new Blob([exportText(chosen)], { type: 'text/plain' });
    saveFile({ blob, name: 'tabwire.log' });
  };
  return (
    <section class="log" aria-label="Log">
      <form class="line-form" onSubmit={(event) => event.preventDefault()}>
        <Select id="log-level" label="Level" value={least} choices={CHOICES} />
        <Field id="log-words" label="Filter" value={words} placeholder="handshake" required={false} />
        <button type="button" onClick={save} aria-disabled={chosen.length === 0}>
          Save log
        </button>
      </form>
      <p class="dim" role="status">
        {chosen.length === all.length
          ? count(all.length, 'line')
          : `${count(chosen.length, 'line')} of ${all.length}`}
        {chosen.length > SHOWN && `, the last ${SHOWN} are shown`}
      </p>
      {chosen.length > 0 && <Lines lines={chosen.slice(-SHOWN).reverse()} />}
      <p class="hint">
        It stays in this page, and holds no keys, tokens or contents; the addresses in it are yours.
      </p>
    </section>
  );
}

function Lines({ lines }: { lines: readonly LogLine[] }) {
  return (
    <Scrollable name="Log">
      <table aria-label="Log lines">
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col">Level</th>
            <th scope="col">What happened</th>
          </tr>
        </thead>
        <tbody>
          {lines.map((line) => (
            <tr key={line.number} data-level={line.level}>
              <td class="mono log-time">{timeText(line.at)}</td>
              <td class="log-level">{line.level}</td>
              <td>
                {withoutCredentials(line.message)}{' '}
                <span class="mono dim log-fields">{fieldsText(line.fields)}</span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scrollable>
  );
}

/** `14:03:59.120`, of here. */
function timeText(at: number): string {
  const date = new Date(at);
  const two = (value: number) => String(value).padStart(2, '0');
  const millis = String(date.getMilliseconds()).padStart(3, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${millis}`;
}
