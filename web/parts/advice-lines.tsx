import type { Advice } from '../failure.ts';
import { CopyLine } from './copy-button.tsx';

/** A failure's sentence, announced, and what to copy with it. */
export function AdviceLines({ advice }: { advice: Advice | undefined }) {
  return (
    <div class={advice ? 'advice' : 'hidden'}>
      <p role="alert">{advice?.sentence}</p>
      {advice && advice.copy.length > 0 && (
        <div class="advice-lines">
          {advice.copy.map((line) => (
            <CopyLine key={line.label} {...line} />
          ))}
        </div>
      )}
    </div>
  );
}
