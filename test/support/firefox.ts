import { existsSync } from 'node:fs';

const PLACES = ['/usr/bin/firefox-esr', '/usr/bin/firefox'];

/** Debian's Firefox, or undefined. */
export function firefoxExecutable(): string | undefined {
  return PLACES.find((path) => existsSync(path));
}
