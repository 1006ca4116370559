import { type Signal, signal } from '@preact/signals';
import type { ComponentType } from 'preact';

/** A part of the page that is loaded when it is first shown, or before. */
export type LazyPart<Props> = ComponentType<Props> & { prepare: () => void };

export function lazy<Props extends object>(load: () => Promise<ComponentType<Props>>): LazyPart<Props> {
  const Part: Signal<ComponentType<Props> | undefined> = signal(undefined);
  const failed = signal(false);
  let isAsked = false;
  const ask = async () => {
    if (isAsked) return;
    isAsked = true;
    try {
      Part.value = await load();
    } catch {
      failed.value = true;
    }
  };
  function Lazy(props: Props) {
    void ask();
    if (failed.value) return <p class="note-bad">A part of this page did not load: reload it.</p>;
    const Loaded = Part.value;
    return Loaded ? <Loaded {...props} /> : null;
  }
  return Object.assign(Lazy, { prepare: () => void ask() });
}
