import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { ConsoleModel } from '../model.ts';
import { Editor } from '../parts/editor.tsx';
import { Folded } from '../parts/folded.tsx';
import { CodeIcon, FileIcon, FormIcon, KeyIcon } from '../parts/icons.tsx';
import { lazy } from '../parts/lazy.tsx';

const KeepTunnel = lazy(async () => (await import('./keep-tunnel.tsx')).KeepTunnel);
const Share = lazy(async () => (await import('./share.tsx')).Share);
const ConfigForm = lazy(async () => (await import('./config-form.tsx')).ConfigForm);

/** Where the configuration comes from: pasted, dropped, opened, or begun with a fresh key. Folded up once in use. */
export function ConfigurationPanel({ model }: { model: ConsoleModel }) {
  const asForm = useSignal(false);
  if (model.session.tunnel.value)
    return (
      <section class="panel" aria-label="Configuration">
        <details>
          <summary>
            <h2>Configuration</h2>
            <span class="dim">as connected; disconnect to change it</span>
          </summary>
          <ConfigurationEditor model={model} readOnly />
        </details>
      </section>
    );
  return (
    <section class="panel" aria-label="Configuration">
      <div class="panel-head">
        <h2>Configuration</h2>
        <Sources model={model} />
      </div>
      <ConfigurationEditor model={model} readOnly={false} asForm={asForm.value} />
      <button type="button" class="quiet" onClick={() => (asForm.value = !asForm.value)}>
        <FormIcon />
        {asForm.value ? 'Edit as text' : 'Edit as form'}
      </button>
      <RelayField model={model} />
      {model.current && <Folded title="Keep this tunnel">{() => <KeepTunnel model={model} />}</Folded>}
      {model.checked.value.config && (
        <Folded title="Share, move or export it">{() => <Share model={model} />}</Folded>
      )}
    </section>
  );
}

interface EditorProps {
  model: ConsoleModel;
  readOnly: boolean;
  asForm?: boolean;
}

function ConfigurationEditor({ model, readOnly, asForm = false }: EditorProps) {
  const held = model.heldKey.value;
  // The key that the text lacks is known.
  const issues = model.checked.value.issues.filter(({ key }) => !held || key !== 'PrivateKey');
  return (
    <>
      {held && (
        <p class="note">
          The private key of “{held.name}” is used, which this browser has and shows to nobody.
        </p>
      )}
      {model.fileProblem.value && (
        <p class="note-bad" role="alert">
          {model.fileProblem.value}
        </p>
      )}
      {asForm ? (
        <ConfigForm model={model} issues={issues} />
      ) : (
        <Editor
          text={model.text.value}
          issues={model.text.value.trim() === '' ? [] : issues}
          readOnly={readOnly}
          onInput={(text) => model.setText(text)}
          onSubmit={() => void (!readOnly && model.connect())}
        />
      )}
    </>
  );
}

function Sources({ model }: { model: ConsoleModel }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <div class="panel-tools">
      <input
        ref={input}
        type="file"
        accept=".conf,.txt,.zip,text/plain,image/*"
        multiple
        hidden
        onChange={(event) => {
          void model.openFiles([...(event.currentTarget.files ?? [])]);
          event.currentTarget.value = '';
        }}
      />
      <button type="button" class="quiet" onClick={() => input.current?.click()}>
        <FileIcon />
        Open file
      </button>
      <button type="button" class="quiet" onClick={() => (model.scanning.value = true)}>
        <CodeIcon />
        Scan QR
      </button>
      <button type="button" class="quiet" onClick={() => model.generateKeys()}>
        <KeyIcon />
        Generate keys
      </button>
    </div>
  );
}

function RelayField({ model }: { model: ConsoleModel }) {
  const own = model.settings.value.relay.join(' ');
  const changed = own !== '' && model.relayText.value.trim() !== own;
  return (
    <div class="field relay">
      <label for="relay">Relay</label>
      <input
        id="relay"
        class="mono"
        type="text"
        inputMode="url"
        autocomplete="off"
        spellcheck={false}
        placeholder="wss://relay.example/v1"
        value={model.relayText.value}
        readOnly={!model.settings.value.policy.otherRelays}
        aria-describedby="relay-hint"
        onInput={(event) => model.setRelay(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter') void model.connect();
        }}
      />
      <p id="relay-hint" class="hint">
        Carries the encrypted datagrams, as a page cannot send UDP. It never sees a key.{' '}
        {changed && (
          <button type="button" class="link" onClick={() => model.setRelay(own)}>
            Use this site’s relay
          </button>
        )}
      </p>
    </div>
  );
}
