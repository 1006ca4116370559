import { useSignal } from '@preact/signals';
import { count, formatMillis } from '../format.ts';
import type { ConsoleModel } from '../model.ts';
import { CopyButton } from '../parts/copy-button.tsx';
import { Field, Select } from '../parts/field.tsx';
import { Outcome, Tool } from '../parts/tool.tsx';
import { dataText, typeText, zoneLine } from '../tools/dns-text.ts';
import { LOOKUP_TYPES, type LookupAnswer, LookupRun, type LookupType } from '../tools/lookup-run.ts';
import { useRun } from '../tools/use-run.ts';

const CHOICES = [
  ['usual', 'All'],
  ...LOOKUP_TYPES.map((type) => [type, type] as const),
] as const satisfies (readonly [LookupType, string])[];

export function LookupPanel({ model }: { model: ConsoleModel }) {
  const run = useRun(LookupRun);
  const name = useSignal(model.pingHost.value);
  const type = useSignal<LookupType>('usual');
  const start = () => {
    const host = name.value.trim();
    const tunnel = model.session.tunnel.value;
    if (tunnel) void run.ask(tunnel, host, type.value, (error) => model.session.adviseOn(error, host));
  };
  return (
    <Tool
      name="DNS lookup"
      action="Look up"
      run={run}
      onStart={start}
      form={
        <>
          <Field id="lookup-name" label="Name" value={name} placeholder="host.internal" />
          <Select id="lookup-type" label="Records" value={type} choices={CHOICES} />
        </>
      }
    >
      <Answer run={run} />
    </Tool>
  );
}

function Answer({ run }: { run: LookupRun }) {
  const answer = run.answer.value;
  return (
    <>
      <Outcome>{answer && outcomeOf(answer)}</Outcome>
      {answer && answer.records.length > 0 && <Records answer={answer} />}
      {!answer && !run.advice.value && (
        <p class="dim empty">
          {run.running.value ? 'Asking…' : 'Asks the DNS servers of the configuration, through the tunnel.'}
        </p>
      )}
    </>
  );
}

function outcomeOf({ records, elapsed }: LookupAnswer): string {
  return `${count(records.length, 'record')} in ${formatMillis(elapsed)}.`;
}

function Records({ answer: { records } }: { answer: LookupAnswer }) {
  return (
    <div class="results">
      <table aria-label="Answer">
        <thead>
          <tr>
            <th scope="col">Type</th>
            <th scope="col">Data</th>
            <th scope="col" class="number">
              TTL
            </th>
          </tr>
        </thead>
        <tbody>
          {records.map((record) => (
            <tr key={zoneLine(record)}>
              <td class="whole">{typeText(record)}</td>
              <td class="mono" title={record.name}>
                {dataText(record)}
              </td>
              <td class="number">{record.ttl} s</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="results-foot">
        As lines of a zone file <CopyButton text={records.map(zoneLine).join('\n')} what="the records" />
      </p>
    </div>
  );
}
