// A project's own testTimeout has no effect in jest 30.
// It ends a spec that hangs. None judges by it, and a program that is started takes a busy machine long.
jest.setTimeout(120_000);
