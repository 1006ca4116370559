import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';

/** What is made, and loaded, only once somebody unfolds it. */
export function Folded({ title, children }: { title: string; children: () => ComponentChildren }) {
  const isOpen = useSignal(false);
  return (
    <details class="keep" onToggle={(event) => (isOpen.value = event.currentTarget.open)}>
      <summary>{title}</summary>
      {isOpen.value && children()}
    </details>
  );
}
