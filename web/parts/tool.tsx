import type { ComponentChildren } from 'preact';
import type { Run } from '../tools/run.ts';
import { AdviceLines } from './advice-lines.tsx';

interface Props {
  /** Its region and its heading. */
  name: string;
  /** What the button says. */
  action: string;
  run: Run;
  onStart: () => void;
  /** The fields. */
  form: ComponentChildren;
  /** What it found. */
  children: ComponentChildren;
}

/** A panel that asks the network something: a line of fields with one button, why it failed, what it found. */
export function Tool({ name, action, run, onStart, form, children }: Props) {
  return (
    <section class="panel" aria-label={name}>
      <div class="panel-head">
        <h2>{name}</h2>
      </div>
      <form
        class="line-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (run.running.value) run.stop();
          else onStart();
        }}
      >
        {form}
        <button type="submit">{run.running.value ? 'Stop' : action}</button>
      </form>
      <AdviceLines advice={run.advice.value} />
      {children}
    </section>
  );
}

/** The one line that is announced: how it ended. It is there before it speaks, or it would not be heard. */
export function Outcome({ children }: { children?: ComponentChildren }) {
  return (
    <p class="outcome" role="status">
      {children}
    </p>
  );
}
