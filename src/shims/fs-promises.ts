// Node's `fs/promises` where there are no files.
import * as constants from './constants.ts';
import { missing } from './missing-file.ts';

function rejected(syscall: string) {
  return (path: unknown): Promise<never> => Promise.reject(missing(syscall, path));
}

export const access = rejected('access');
export const open = rejected('open');
export const stat = rejected('stat');
export const lstat = rejected('lstat');
export const readFile = rejected('open');
export const writeFile = rejected('open');
export const readdir = rejected('scandir');
export const mkdir = rejected('mkdir');
export const rm = rejected('rm');
export const unlink = rejected('unlink');
export * as default from './fs-promises.ts';
export { constants };
