import { useSignal } from '@preact/signals';
import { bracketed } from '../../src/core/host-port.ts';
import type { ResponseHead } from '../../src/index.ts';
import { count, formatBytes, formatMillis } from '../format.ts';
import type { ConsoleModel } from '../model.ts';
import { CopyButton } from '../parts/copy-button.tsx';
import { Field, Select, TextArea } from '../parts/field.tsx';
import { saveFile } from '../parts/save-file.ts';
import { Outcome, Tool } from '../parts/tool.tsx';
import { sshFormOf } from '../ssh/form.ts';
import { type HttpAnswer, HttpRun, hasBody, METHODS, type Method } from '../tools/http-run.ts';
import { useRun } from '../tools/use-run.ts';
import { HttpWay } from './http-way.tsx';

const CHOICES = METHODS.map((method) => [method, method] as const);

export function HttpPanel({ model }: { model: ConsoleModel }) {
  const run = useRun(HttpRun);
  const method = useSignal<Method>('GET');
  const url = useSignal(model.pingHost.value && urlOf(model.pingHost.value));
  const headers = useSignal('');
  const body = useSignal('');
  const { forwards, way } = sshFormOf(model);
  const start = () => {
    const through = forwards.find(({ id }) => id === way.value) ?? model.session.tunnel.value;
    const question = { method: method.value, url: url.value, headers: headers.value, body: body.value };
    if (through) void run.ask(through, question, (error) => model.session.adviseOn(error, hostOf(url.value)));
  };
  return (
    <Tool
      name="HTTP request"
      action="Send"
      run={run}
      onStart={start}
      form={
        <>
          <Select id="http-method" label="Method" value={method} choices={CHOICES} />
          <Field id="http-url" label="URL" value={url} placeholder="http://10.0.0.1/status" inputMode="url" />
        </>
      }
    >
      <HttpWay forwards={forwards} way={way} url={url} />
      <details class="more">
        <summary>Headers{hasBody(method.value) && ' and body'}</summary>
        <TextArea id="http-headers" label="Headers" value={headers} placeholder="Accept: application/json" />
        {hasBody(method.value) && <TextArea id="http-body" label="Body" value={body} rows={4} />}
      </details>
      <Answer run={run} />
    </Tool>
  );
}

function urlOf(host: string): string {
  return `http://${bracketed(host)}/`;
}

function hostOf(url: string): string {
  return url
    .trim()
    .replace(/^[a-z]+:\/\//i, '')
    .replace(/[/?#].*$/, '');
}

function Answer({ run }: { run: HttpRun }) {
  const answer = run.answer.value;
  return (
    <>
      <Outcome>{answer && outcomeOf(answer)}</Outcome>
      {answer && <Parts answer={answer} />}
      {!answer && !run.advice.value && (
        <p class="dim empty">
          {run.running.value
            ? 'Waiting for the answer…'
            : 'Speaks HTTP/1.1 to a server inside, as a program would.'}
        </p>
      )}
    </>
  );
}

function outcomeOf({ heads, times, bytes }: HttpAnswer): string {
  const { status, statusText } = heads.at(-1)!;
  const time = `headers after ${formatMillis(times.head)}, all after ${formatMillis(times.end)}`;
  return [`${status} ${statusText}`.trim(), formatBytes(bytes), time].join(' · ');
}

function Parts({ answer }: { answer: HttpAnswer }) {
  const { body, file, heads } = answer;
  return (
    <>
      {heads.map((head, index) => (
        <Head key={index} head={head} isLast={index === heads.length - 1} />
      ))}
      {body.text !== '' && (
        <section aria-label="Body">
          <pre class="code preview">{body.text}</pre>
        </section>
      )}
      {body.isCut && <p class="dim">This is its beginning; the file has all of it.</p>}
      {body.kind === 'binary' && <p class="dim">The body is not text.</p>}
      {file && (
        <div class="results-foot">
          {body.text !== '' && !body.isCut && <CopyButton text={body.text} what="the body" />}
          <button type="button" onClick={() => saveFile(file)}>
            Save body
          </button>
        </div>
      )}
    </>
  );
}

function Head({ head, isLast }: { head: ResponseHead; isLast: boolean }) {
  const title = isLast ? count(head.headers.length, 'header') : `${head.status} from ${head.url}`;
  return (
    <details class="more">
      <summary>{title}</summary>
      <div class="results">
        <table aria-label="Headers">
          <tbody>
            {head.headers.map(([name, value], index) => (
              <tr key={index}>
                <th scope="row">{name}</th>
                <td class="mono">{value}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
