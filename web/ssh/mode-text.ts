import type { RemoteFile } from './sftp.ts';

const LETTERS = { folder: 'd', file: '-', link: 'l', other: '?' };

/** As `ls -l` writes it. */
export function modeText(kind: RemoteFile['kind'], mode: number): string {
  const bits = [...'rwxrwxrwx'].map((letter, i) => ((mode >> (8 - i)) & 1 ? letter : '-')).join('');
  return LETTERS[kind] + bits;
}
