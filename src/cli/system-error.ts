const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a folder',
  EACCES: 'this user may not',
  EADDRINUSE: 'another program listens there',
  EADDRNOTAVAIL: 'this machine has no such address',
};

/** Why the system refused, in words where there are any: `there is no such file (ENOENT)`. */
export function reasonOf(error: unknown): string {
  const { code = 'for no reason that it gave' } = error as NodeJS.ErrnoException;
  const words = WORDS[code];
  return words === undefined ? code : `${words} (${code})`;
}
