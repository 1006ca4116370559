declare module 'process/browser.js' {
  const process: { nextTick(run: (...args: never[]) => void, ...args: unknown[]): void };
  export = process;
}
