// A project's own testTimeout has no effect in jest 30.
jest.setTimeout(30_000);
