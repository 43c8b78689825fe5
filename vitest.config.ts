import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.ts';

/** `fast` is `npm test`; `chaos` kills processes and takes its time; `conformance` asks MDM servers, a real one where it can be had. */
const tiers = ['fast', 'chaos', 'conformance'] as const;
const tier = tiers.find((one) => one === process.env.TEST_TIER) ?? 'fast';
const own = tier === 'fast' ? null : `test/${tier}/**`;

export default defineConfig({
  // As Node finds it: by its "module" field graphql would be loaded a second time, and two of it do not work together.
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    include: [own ? `${own}/*.test.ts` : 'test/**/*.test.ts'],
    exclude: own ? [] : ['test/chaos/**', 'test/conformance/**'],
    globalSetup: 'test/support/global-setup.ts',
    // Files share a worker's modules: starting afresh for each would double the time. A test file leaves nothing behind.
    isolate: false,
    pool: 'forks',
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    testTimeout: tier === 'chaos' ? 180_000 : 30_000,
    hookTimeout: 60_000,
    passWithNoTests: tier === 'chaos',
    reporters: ['default', 'json'],
    outputFile: { json: `.data/test-report-${tier}.json` },
  },
});
