// Node's `tty`: a page has no terminal.
export function isatty(): boolean {
  return false;
}

export * as default from './tty.ts';
