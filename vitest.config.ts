import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

// What is instrumented is not timed: the tests of row 62 allow a configuration of 10 MB one second.
const isInstrumented = process.argv.includes('--coverage');

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/browser/**', 'test/interop/**', 'node_modules/**'],
    setupFiles: ['test/support/byte-equality.ts'],
    testTimeout: 30_000,
    pool: 'threads',
    // By itself Vitest leaves one core to its main thread, which has nothing to do while tests run: of two, half.
    maxWorkers: availableParallelism(),
    ...(isInstrumented && { testNamePattern: /^(?!.*row 62)/ }),
    coverage: {
      provider: 'v8',
      include: ['src/core/wireguard/**'],
      reporter: ['text'],
      reportOnFailure: true,
      thresholds: { lines: 95, branches: 95 },
    },
  },
});
