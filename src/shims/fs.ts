// Node's `fs` where there are no files: whoever looks for one is told that it is not there, as on a machine without it.
import * as constants from './constants.ts';
import { codedError } from './errors.ts';
import * as promises from './fs-promises.ts';
import { missing } from './missing-file.ts';
import { nextTick } from './next-tick.ts';
import { Readable, Writable } from './streams.ts';

type Callback = (error: Error | null, ...results: unknown[]) => void;

/** With a callback as the last argument. */
function called(syscall: string) {
  return (path: unknown, ...rest: unknown[]): void => {
    const callback = rest.at(-1);
    if (typeof callback !== 'function')
      throw codedError(TypeError, 'ERR_INVALID_ARG_TYPE', 'The "cb" argument must be of type function.');
    nextTick(callback as Callback, missing(syscall, path));
  };
}

function thrown(syscall: string) {
  return (path: unknown): never => {
    throw missing(syscall, path);
  };
}

export const access = called('access');
export const open = called('open');
export const stat = called('stat');
export const lstat = called('lstat');
export const readFile = called('open');
export const writeFile = called('open');
export const appendFile = called('open');
export const readdir = called('scandir');
export const readlink = called('readlink');
export const realpath = called('realpath');
export const mkdir = called('mkdir');
export const rmdir = called('rmdir');
export const rm = called('rm');
export const rename = called('rename');
export const unlink = called('unlink');
export const chmod = called('chmod');
export const utimes = called('utime');
export const fstat = called('fstat');
export const read = called('read');
export const write = called('write');
export const close = called('close');

export const accessSync = thrown('access');
export const openSync = thrown('open');
export const statSync = thrown('stat');
export const lstatSync = thrown('lstat');
export const readFileSync = thrown('open');
export const writeFileSync = thrown('open');
export const appendFileSync = thrown('open');
export const readdirSync = thrown('scandir');
export const realpathSync = thrown('realpath');
export const mkdirSync = thrown('mkdir');
export const unlinkSync = thrown('unlink');

export function existsSync(): boolean {
  return false;
}

export function createReadStream(path: unknown): InstanceType<typeof Readable> {
  const stream = new Readable({ read() {} });
  stream.destroy(missing('open', path));
  return stream;
}

export function createWriteStream(path: unknown): InstanceType<typeof Writable> {
  const stream = new Writable();
  stream.destroy(missing('open', path));
  return stream;
}

export const { F_OK, R_OK, W_OK, X_OK } = constants;
export * as default from './fs.ts';
export { constants, promises };
