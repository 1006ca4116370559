import { useEffect } from 'preact/hooks';
import type { ConsoleModel } from '../model.ts';
import { Field } from '../parts/field.tsx';
import { sshFormOf } from '../ssh/form.ts';

/** Where to open a terminal; SSH itself is loaded with the first. */
export function TerminalPanel({ model }: { model: ConsoleModel }) {
  const ssh = sshFormOf(model);
  const loaded = ssh.loaded.value;
  useEffect(() => {
    // Who keeps a tunnel comes for what is behind it.
    if (model.opened.peek()) ssh.prepare();
    void ssh.restore();
  }, [model, ssh]);
  return (
    <section class="panel panel-wide" aria-label="Terminal">
      <div class="panel-head">
        <h2>Terminal</h2>
        {!loaded && (
          <button type="button" class="quiet" onClick={() => void ssh.load()}>
            Keys and hosts
          </button>
        )}
      </div>
      <form
        class="line-form line-form-wraps"
        onFocusIn={() => ssh.prepare()}
        onSubmit={(event) => {
          event.preventDefault();
          void ssh.open();
        }}
      >
        <Field id="ssh-host" label="Address" value={ssh.host} placeholder="10.0.0.1" />
        <Field id="ssh-port" label="Port" value={ssh.port} inputMode="numeric" narrow />
        <Field id="ssh-user" label="User" value={ssh.username} placeholder="root" />
        <Field id="ssh-jump" label="Jump host" value={ssh.jump} placeholder="none" required={false} />
        <button type="submit">Open terminal</button>
      </form>
      {ssh.problem.value && (
        <p class="note-bad" role="alert">
          {ssh.problem.value}
        </p>
      )}
      {loaded ? (
        <loaded.View desk={loaded.desk} />
      ) : (
        <p class="dim empty">
          SSH from this page to a machine inside: the password or the key goes through the tunnel and nowhere
          else.
        </p>
      )}
    </section>
  );
}
