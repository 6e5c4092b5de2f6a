const specs = {
  testEnvironment: 'node',
  // Not the project's folder: below it are the binaries of the matrix, and dist.
  roots: ['<rootDir>/spec', '<rootDir>/lib'],
  transform: { '^.+\\.ts$': 'ts-jest' },
  moduleNameMapper: {
    '^rxjs-pg-replication$': '<rootDir>/lib/index.ts',
    '^rxjs-pg-replication/testing$': '<rootDir>/lib/testing/index.ts',
  },
};

/** Specs below these folders share one PostgreSQL server; the others pay for none. */
const withServer = ['integration', 'examples', 'chaos'];

/** @type {import('jest').Config} */
module.exports = {
  maxWorkers: 2,
  projects: [
    {
      ...specs,
      displayName: 'unit',
      testMatch: ['<rootDir>/spec/**/*-spec.ts'],
      testPathIgnorePatterns: withServer.map((folder) => `<rootDir>/spec/${folder}/`),
    },
    {
      ...specs,
      displayName: 'integration',
      testMatch: withServer.map((folder) => `<rootDir>/spec/${folder}/**/*-spec.ts`),
      setupFilesAfterEnv: ['<rootDir>/spec/support/timeout.ts'],
      globalSetup: '<rootDir>/spec/support/global-setup.ts',
      globalTeardown: '<rootDir>/spec/support/global-teardown.ts',
    },
  ],
};
