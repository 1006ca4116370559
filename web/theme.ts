/** Light, dark, or as the system has it. */
import { signal } from '@preact/signals';
import { Preference } from './settings.ts';

export type Theme = 'system' | 'light' | 'dark';

const preference = new Preference('theme');
export const theme = signal<Theme>(read());

export function applyTheme(): void {
  document.documentElement.dataset.theme = theme.value;
}

/** system → the opposite of what is seen → the other → system. */
export function nextTheme(): void {
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  const order: Theme[] = dark ? ['system', 'light', 'dark'] : ['system', 'dark', 'light'];
  theme.value = order[(order.indexOf(theme.value) + 1) % order.length]!;
  preference.write(theme.value === 'system' ? undefined : theme.value);
  applyTheme();
}

function read(): Theme {
  const stored = preference.read();
  return stored === 'light' || stored === 'dark' ? stored : 'system';
}
