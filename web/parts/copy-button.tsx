import { useSignal } from '@preact/signals';
import { CheckIcon, CopyIcon } from './icons.tsx';

/** Copies `text`; says so for two seconds. */
export function CopyButton({ text, what }: { text: string; what: string }) {
  const copied = useSignal(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      return;
    }
    copied.value = true;
    setTimeout(() => (copied.value = false), 2000);
  };
  return (
    <button type="button" class="copy" aria-label={`Copy ${what}`} title={`Copy ${what}`} onClick={copy}>
      {copied.value ? <CheckIcon /> : <CopyIcon />}
      <span class="hidden" aria-live="polite">
        {copied.value ? 'Copied' : ''}
      </span>
    </button>
  );
}

/** A line of code with a button that copies it, under what it is for. */
export function CopyLine({ label, text }: { label: string; text: string }) {
  return (
    <div class="copy-line">
      <p class="copy-label">{label}</p>
      <pre class="code">{text}</pre>
      <CopyButton text={text} what={label.toLowerCase()} />
    </div>
  );
}
