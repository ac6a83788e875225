import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    setupFiles: ['test/support/setup.ts'],
    // Verbs trace what the tests make them do; the runner's own output is what a person reads.
    env: { POWERTOOLS_LOG_LEVEL: 'SILENT' },
    // Real databases, browsers of files and workers share two cores: generous limits, no timing assertions.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: 'forks',
    // Its modules import folders, which bundlers resolve and Node does not.
    server: { deps: { inline: ['dt-sql-parser'] } },
    maxWorkers: 2,
  },
});
