// Node's `os`: what a page says of the machine, which is next to nothing.
export const EOL = '\n';
export const devNull = '/dev/null';
export const constants = { signals: {}, errno: {} };

export const hostname = (): string => globalThis.location?.hostname ?? 'localhost';
export const platform = (): string => 'browser';
export const type = (): string => 'Browser';
export const release = (): string => '';
export const version = (): string => '';
export const arch = (): string => 'wasm32';
export const machine = arch;
export const endianness = (): 'LE' => 'LE';
export const homedir = (): string => '/';
export const tmpdir = (): string => '/tmp';
export const uptime = (): number => performance.now() / 1000;
export const loadavg = (): number[] => [0, 0, 0];
export const totalmem = (): number => 0;
export const freemem = (): number => 0;
export const cpus = (): object[] => [];
export const availableParallelism = (): number => globalThis.navigator?.hardwareConcurrency ?? 1;
export const networkInterfaces = (): object => ({});
export const userInfo = () => ({ username: '', uid: -1, gid: -1, shell: null, homedir: '/' });

export * as default from './os.ts';
