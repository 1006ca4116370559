import type { ComponentChildren } from 'preact';

interface Props {
  name: string;
  /** Columns keep their width, however many they are. */
  isWide?: boolean;
  children: ComponentChildren;
}

/** A table that may be larger than its place: it can be scrolled, by keyboard too. */
export function Scrollable({ name, isWide = false, children }: Props) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section class={`results${isWide ? ' wide' : ''}`} aria-label={`${name}, scrollable`} tabIndex={0}>
      {children}
    </section>
  );
}
