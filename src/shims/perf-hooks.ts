// Node's `perf_hooks`, as far as it is the page's own.
const { performance, PerformanceObserver } = globalThis;

export * as default from './perf-hooks.ts';
export { PerformanceObserver, performance };
