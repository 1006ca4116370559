import type { DownloadState } from '../download-run.ts';
import { formatBytes, formatDuration, formatRate } from '../format.ts';
import type { ConsoleModel } from '../model.ts';
import { AdviceLines } from '../parts/advice-lines.tsx';
import { CopyButton } from '../parts/copy-button.tsx';
import { saveFile } from '../parts/save-file.ts';

export function DownloadPanel({ model }: { model: ConsoleModel }) {
  const state = model.download.state.value;
  const running = state?.phase === 'connecting' || state?.phase === 'receiving';
  return (
    <section class="panel" aria-label="Download">
      <div class="panel-head">
        <h2>Download</h2>
      </div>
      <form
        class="line-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (running) model.download.stop();
          else void model.startDownload();
        }}
      >
        <div class="field">
          <label for="download-host">Address</label>
          <input
            id="download-host"
            class="mono"
            type="text"
            autocomplete="off"
            spellcheck={false}
            placeholder="10.0.0.1"
            required
            value={model.downloadHost.value}
            onInput={(event) => (model.downloadHost.value = event.currentTarget.value)}
          />
        </div>
        <div class="field field-port">
          <label for="download-port">Port</label>
          <input
            id="download-port"
            class="mono"
            type="text"
            inputMode="numeric"
            pattern="[0-9]{1,5}"
            required
            value={model.downloadPort.value}
            onInput={(event) => (model.downloadPort.value = event.currentTarget.value)}
          />
        </div>
        <div class="field">
          <label for="download-path">Path</label>
          <input
            id="download-path"
            class="mono"
            type="text"
            autocomplete="off"
            spellcheck={false}
            value={model.downloadPath.value}
            onInput={(event) => (model.downloadPath.value = event.currentTarget.value)}
          />
        </div>
        <button type="submit">{running ? 'Stop' : 'Download'}</button>
      </form>
      <AdviceLines advice={state?.advice} />
      {state ? (
        <Transfer state={state} />
      ) : (
        <p class="dim empty">Fetches a file by HTTP over a TCP socket of this page, through the tunnel.</p>
      )}
    </section>
  );
}

function Transfer({ state }: { state: DownloadState }) {
  if (state.phase === 'failed') return null;
  const { received, total, phase } = state;
  return (
    <>
      <div class="reading">
        <p class="reading-value">{phase === 'connecting' ? 'Connecting…' : formatRate(state.rate)}</p>
        <p class="reading-note">{amountText(state)}</p>
      </div>
      {!(phase === 'stopped' && total === undefined) && (
        <Progress received={received} total={total} waiting={phase === 'connecting'} />
      )}
      {phase === 'done' && <Result state={state} />}
    </>
  );
}

/** A native element: it needs no inline style, and a missing value makes it indeterminate. */
function Progress(props: { received: number; total: number | undefined; waiting: boolean }) {
  const { received, total, waiting } = props;
  if (waiting || total === undefined) return <progress aria-label="Download" />;
  return <progress aria-label="Download" max={Math.max(1, total)} value={total === 0 ? 1 : received} />;
}

function amountText({ phase, received, total, elapsed, answer }: DownloadState): string {
  const amount =
    total === undefined || phase === 'done'
      ? formatBytes(received)
      : `${formatBytes(received)} of ${formatBytes(total)}`;
  if (phase === 'done') return `${amount} in ${formatDuration(elapsed)} · ${answer}`;
  if (phase === 'stopped') return `${amount}, stopped`;
  return phase === 'connecting' ? '' : amount;
}

function Result({ state }: { state: DownloadState }) {
  return (
    <>
      <dl class="digest">
        <dt>
          SHA-256
          {state.asAnnounced === true && <span class="good"> as the server announced</span>}
          {state.asAnnounced === false && (
            <span class="bad"> not what the server announced: download it again</span>
          )}
        </dt>
        <dd>
          <span class="mono">{state.sha256}</span>
          <CopyButton text={state.sha256 ?? ''} what="the SHA-256" />
        </dd>
      </dl>
      {state.file ? (
        <button type="button" onClick={() => saveFile(state.file!)}>
          Save file
        </button>
      ) : (
        <p class="dim">Too large to be kept in this page, so it was received and checked only.</p>
      )}
      {state.preview !== undefined && <pre class="code preview">{state.preview}</pre>}
    </>
  );
}
