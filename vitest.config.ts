import { defineConfig } from 'vitest/config';

/** `fast` is `npm test`; `chaos` kills processes and takes its time. */
const tier = process.env.TEST_TIER === 'chaos' ? 'chaos' : 'fast';

export default defineConfig({
  // As Node finds it: by its "module" field graphql would be loaded a second time, and two of it do not work together.
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    include: tier === 'chaos' ? ['test/chaos/**/*.test.ts'] : ['test/**/*.test.ts'],
    exclude: tier === 'chaos' ? [] : ['test/chaos/**'],
    globalSetup: 'test/support/global-setup.ts',
    // Files share a worker's modules: starting afresh for each would double the time. A test file leaves nothing behind.
    isolate: false,
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: tier === 'chaos' ? 180_000 : 30_000,
    hookTimeout: 60_000,
    passWithNoTests: tier === 'chaos',
    reporters: ['default', 'json'],
    outputFile: { json: `.data/test-report-${tier}.json` },
  },
});
