import { codedError } from './errors.ts';

/** `ENOENT: no such file or directory, open '/etc/hosts'`, as Node makes it. */
export function missing(syscall: string, path: unknown): Error {
  const message = `ENOENT: no such file or directory, ${syscall} '${String(path)}'`;
  return Object.assign(codedError(Error, 'ENOENT', message), { errno: -2, syscall, path });
}
