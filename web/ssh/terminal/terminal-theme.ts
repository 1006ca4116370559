import type { ITheme } from '@xterm/xterm';

/** Both 4.5:1 on their ground, the sixteen colours included. */
const LIGHT: ITheme = {
  background: '#f6f8f8',
  foreground: '#0e1817',
  cursor: '#0a7867',
  cursorAccent: '#f6f8f8',
  selectionBackground: '#bfe6dd',
  black: '#0e1817',
  red: '#b3261e',
  green: '#1b6e2c',
  yellow: '#7d5200',
  blue: '#1c5f8c',
  magenta: '#8a3b8f',
  cyan: '#0a6a76',
  white: '#5f706d',
  brightBlack: '#5f706d',
  brightRed: '#c03028',
  brightGreen: '#1f7a33',
  brightYellow: '#8a5a00',
  brightBlue: '#2369a0',
  brightMagenta: '#9a449f',
  brightCyan: '#0b7481',
  brightWhite: '#0e1817',
};

const DARK: ITheme = {
  background: '#0c1213',
  foreground: '#e9f0ee',
  cursor: '#43d1b5',
  cursorAccent: '#0c1213',
  selectionBackground: '#1d5a50',
  black: '#6b7a77',
  red: '#ff8a7d',
  green: '#7fd68c',
  yellow: '#e7b455',
  blue: '#7cc0ea',
  magenta: '#dba0e0',
  cyan: '#63d3df',
  white: '#e9f0ee',
  brightBlack: '#8a9a97',
  brightRed: '#ffa79d',
  brightGreen: '#9ee4a8',
  brightYellow: '#f2cb80',
  brightBlue: '#a2d4f2',
  brightMagenta: '#e8bcec',
  brightCyan: '#8fe2eb',
  brightWhite: '#ffffff',
};

/** Of the page as it is now. */
export function terminalTheme(): ITheme {
  const chosen = document.documentElement.dataset.theme ?? 'system';
  const dark = chosen === 'system' ? matchMedia('(prefers-color-scheme: dark)').matches : chosen === 'dark';
  return dark ? DARK : LIGHT;
}
