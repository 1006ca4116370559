import { formatMillis } from '../format.ts';
import type { ConsoleModel } from '../model.ts';
import { AdviceLines } from '../parts/advice-lines.tsx';
import { lazy } from '../parts/lazy.tsx';

const Plot = lazy(async () => (await import('../parts/plot.tsx')).Plot);

export function PingPanel({ model }: { model: ConsoleModel }) {
  const { ping } = model;
  const running = ping.running.value;
  return (
    <section class="panel" aria-label="Ping">
      <div class="panel-head">
        <h2>Ping</h2>
      </div>
      <form
        class="line-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (running) ping.stop();
          else void model.startPing();
        }}
      >
        <div class="field">
          <label for="ping-host">Address</label>
          <input
            id="ping-host"
            class="mono"
            type="text"
            autocomplete="off"
            spellcheck={false}
            placeholder="10.0.0.1"
            required
            value={model.pingHost.value}
            onInput={(event) => (model.pingHost.value = event.currentTarget.value)}
          />
        </div>
        <button type="submit">{running ? 'Stop ping' : 'Start ping'}</button>
      </form>
      <AdviceLines advice={ping.advice.value} />
      <Answers model={model} />
    </section>
  );
}

function Answers({ model }: { model: ConsoleModel }) {
  const { ping } = model;
  const summary = ping.summary.value;
  const samples = ping.samples.value;
  if (!summary)
    return <p class="dim empty">{ping.running.value ? 'Waiting for the first answer…' : EXPLANATION}</p>;
  const last = samples.at(-1);
  return (
    <>
      <div class="reading">
        <p class="reading-value">
          {last?.rtt === undefined ? <span class="bad">no answer</span> : formatMillis(last.rtt)}
        </p>
      </div>
      <Plot
        title="Round trips"
        times={samples.map(({ sequence }) => sequence)}
        curves={[{ name: 'each second', values: samples.map(({ rtt }) => rtt ?? null) }]}
        now={last?.sequence ?? 0}
        span={60}
        least={1}
        format={formatMillis}
        losses={samples.filter(({ rtt }) => rtt === undefined).map(({ sequence }) => sequence)}
      />
      <dl class="numbers">
        <Reading name="Minimum" value={summary.min} />
        <Reading name="Average" value={summary.average} />
        <Reading name="Maximum" value={summary.max} />
        <div>
          <dt>Lost</dt>
          <dd class={summary.lost > 0 ? 'bad' : ''}>
            {summary.lost} of {summary.sent} <span class="dim">{summary.lossPercent} %</span>
          </dd>
        </div>
      </dl>
      <ol class="replies" aria-label="Latest replies">
        {samples
          .slice(-5)
          .reverse()
          .map((sample) => (
            <li key={sample.sequence}>
              <span class="dim">#{sample.sequence}</span>
              {sample.rtt === undefined ? <span class="bad">no answer</span> : formatMillis(sample.rtt)}
            </li>
          ))}
      </ol>
    </>
  );
}

const EXPLANATION = 'Sends one echo request a second to an address, or a name, inside the tunnel.';

function Reading({ name, value }: { name: string; value: number | undefined }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value === undefined ? '–' : formatMillis(value)}</dd>
    </div>
  );
}
