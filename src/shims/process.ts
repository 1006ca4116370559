// What there is of Node's `process` in a page: enough for packages that look at it in passing. Nothing of what is imported here
// may need readable-stream, which asks for this.
import { EventEmitter } from 'events';
import { nextTick } from './next-tick.ts';

/** Text goes to the console, a line at a time. */
function output(write: (line: string) => void) {
  return Object.assign(new EventEmitter(), {
    isTTY: false,
    write(chunk: unknown, ...rest: unknown[]): boolean {
      write(String(chunk).replace(/\n$/, ''));
      const callback = rest.at(-1);
      if (typeof callback === 'function') nextTick(callback as () => void);
      return true;
    },
  });
}

function hrtime(since?: [number, number]): [number, number] {
  const now = performance.now();
  const [seconds, nanoseconds] = [Math.floor(now / 1000), Math.floor((now % 1000) * 1e6)];
  if (!since) return [seconds, nanoseconds];
  const borrowed = nanoseconds < since[1] ? 1 : 0;
  return [seconds - since[0] - borrowed, nanoseconds - since[1] + borrowed * 1e9];
}
hrtime.bigint = (): bigint => BigInt(Math.floor(performance.now() * 1e6));

const features = {
  title: 'browser',
  browser: true,
  /** Set by the page, if a package wants something to be in it. */
  env: {} as Record<string, string | undefined>,
  argv: [] as string[],
  execArgv: [] as string[],
  platform: 'browser',
  arch: 'wasm32',
  pid: 1,
  /** Of Node's there is none; programs that ask for the version compare it. */
  version: 'v20.0.0',
  versions: {} as Record<string, string>,
  release: { name: 'browser' },
  exitCode: undefined as number | undefined,
  stdout: output((line) => console.log(line)),
  stderr: output((line) => console.warn(line)),
  nextTick,
  hrtime,
  cwd: (): string => '/',
  umask: (): number => 0o22,
  uptime: (): number => performance.now() / 1000,
  memoryUsage: () => ({ rss: 0, heapTotal: 0, heapUsed: 0, external: 0, arrayBuffers: 0 }),
  emitWarning: (warning: unknown): void => console.warn(warning),
};

export const process = Object.assign(new EventEmitter(), features);
export { process as default };
export const { env, argv, platform, version, versions, stdout, stderr, cwd, emitWarning } = features;
export { hrtime, nextTick };
