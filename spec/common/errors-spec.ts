import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runInThisContext } from 'node:vm';
import ts from 'typescript';
import { ERRORS, type ErrorCode } from '../../lib/common/error-codes';
import * as errorText from '../../lib/common/error-text';
import type * as errors from '../../lib/common/errors';
import { ConfigError, ConnectionError, ProtocolError, ReplicationError, ServerError } from '../../lib/common/errors';

const CODES = Object.keys(ERRORS) as ErrorCode[];
const SAID = { severity: 'ERROR', sqlState: '55006', message: 'slot is active' };

const ONE_OF_EACH: [name: string, error: ReplicationError][] = [
  ['ReplicationError', new ReplicationError('SLOT_LOST', 'It is gone')],
  ['ConfigError', new ConfigError('connection.port', 'no port')],
  ['ConnectionError', new ConnectionError('CONNECTION_LOST', 'It ended')],
  ['ProtocolError', new ProtocolError('It makes no sense')],
  ['ServerError', new ServerError('SLOT_ACTIVE', SAID)],
];

it('is logged as JSON with its message, without fields that should not be logged', () => {
  const error = new ServerError('SLOT_ACTIVE', { ...SAID, detail: 'Key (name)=(Ada)' });
  expect(JSON.parse(JSON.stringify({ error }))).toEqual({
    error: { name: 'ServerError', message: error.message, code: 'SLOT_ACTIVE', retryable: true },
  });
});

describe('every error code', () => {
  it.each(CODES)('%s has a remedy of one sentence or more', (code) => {
    expect(code).toMatch(/^[A-Z]+(_[A-Z]+)*$/);
    expect(ERRORS[code].remedy).toMatch(/^[A-Z].{10,}\.$/);
  });

  it.each(CODES)('%s gives a message that ends with its remedy', (code) => {
    const { remedy, retryable } = ERRORS[code];
    const error = new ReplicationError(code, 'Something is wrong');
    expect(error).toMatchObject({ code, remedy, retryable, message: `Something is wrong. ${remedy}` });
  });
});

describe('an error', () => {
  it.each(ONE_OF_EACH)('of class %s has its name, and is a ReplicationError', (name, error) => {
    expect(error).toBeInstanceOf(Error);
    expect(error).toBeInstanceOf(ReplicationError);
    expect([error.name, error.constructor.name]).toEqual([name, name]);
    expect(String(error)).toBe(`${name}: ${error.message}`);
    expect(error.stack).toContain(name);
    expect(error.message.endsWith(error.remedy)).toBe(true);
  });

  it('has a cause only if one is given', () => {
    const cause = new Error('ECONNRESET');
    expect(new ConnectionError('CONNECTION_LOST', 'It ended', { cause }).cause).toBe(cause);
    expect(new ConnectionError('CONNECTION_LOST', 'It ended')).not.toHaveProperty('cause');
  });

  it("may differ from its code's remedy and `retryable`", () => {
    const error = new ReplicationError('SERVER_ERROR', 'It failed', { remedy: 'Wait.', retryable: true });
    expect(error).toMatchObject({ message: 'It failed. Wait.', remedy: 'Wait.', retryable: true });
  });

  it("of an option has the option's name", () => {
    const error = new ConfigError('connection.port', 'no port');
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', option: 'connection.port', retryable: false });
    expect(error.message).toMatch(/^connection\.port: no port\.$/);
  });

  it('of an option ends with a remedy only if it has a specific one', () => {
    expect(new ConfigError('slots', 'unknown option')).toMatchObject({ message: 'slots: unknown option.', remedy: '' });
    const remedy = 'Did you mean `slot`?';
    const error = new ConfigError('slots', 'unknown option', { remedy });
    expect(error).toMatchObject({ message: `slots: unknown option. ${remedy}`, remedy });
  });

  it('of the protocol is a protocol violation', () => {
    expect(new ProtocolError('Nonsense')).toMatchObject({ code: 'PROTOCOL_VIOLATION', retryable: false });
  });

  it('of the server has all fields that it sent', () => {
    const error = new ServerError('SLOT_ACTIVE', { ...SAID, detail: 'PID 7' });
    expect(error).toMatchObject({ sqlState: '55006', server: { ...SAID, detail: 'PID 7' }, retryable: true });
    expect(error.message).toMatch(/^The server says: slot is active \(SQLSTATE 55006\): PID 7\. Another connection/);
    expect(new ServerError('SLOT_ACTIVE', SAID).message).toMatch(/slot is active \(SQLSTATE 55006\)\. Another/);
  });
});

describe('an error that a rule reclassifies', () => {
  const cause = new Error('ECONNRESET');
  const changes = { retryable: true, remedy: 'Call Ann.' };

  it.each<[name: string, error: ReplicationError]>([
    ['ReplicationError', new ReplicationError('SLOT_LOST', 'It is gone', { cause })],
    ['ConfigError', new ConfigError('startLsn', 'no LSN', { cause, remedy: 'Give one.' })],
    ['ConnectionError', new ConnectionError('CONNECTION_LOST', 'It ended', { cause })],
    ['ServerError', new ServerError('SLOT_ACTIVE', SAID, { cause })],
  ])('of class %s keeps its class, cause and text, and changes the rest', (name, error) => {
    const what = error.message.slice(0, -error.remedy.length);
    const changed = error.withCode('SERVER_SHUTDOWN', changes);
    expect([changed.name, changed.constructor]).toEqual([name, error.constructor]);
    expect(changed).toMatchObject({ code: 'SERVER_SHUTDOWN', ...changes, message: `${what}Call Ann.` });
    expect(changed.cause).toBe(cause);
    expect(error).toMatchObject({ message: `${what}${error.remedy}` });
  });

  it("has the code's properties unless others are given", () => {
    const { retryable, remedy } = ERRORS.SERVER_SHUTDOWN;
    const error = new ConnectionError('TLS_FAILED', 'It ended', changes);
    expect(error.withCode('SERVER_SHUTDOWN', {})).toMatchObject({ retryable, remedy, message: `It ended. ${remedy}` });
    expect(error.withCode('SERVER_SHUTDOWN', { retryable: undefined, remedy: undefined })).toMatchObject({
      retryable,
      remedy,
    });
  });

  it('has a cause only if it had one', () => {
    expect(new ConnectionError('CONNECTION_LOST', 'It ended').withCode('TLS_FAILED', {})).not.toHaveProperty('cause');
  });

  it("has all fields of the server's error", () => {
    const server = { ...SAID, detail: 'PID 7', where: 'slot "orders"' };
    const changed = new ServerError('SLOT_ACTIVE', server).withCode('SERVER_INTERNAL_ERROR', changes);
    expect(changed).toMatchObject({ server, sqlState: '55006' });
    expect(changed.message).toBe('The server says: slot is active (SQLSTATE 55006): PID 7. Call Ann.');
  });

  it('keeps its option', () => {
    const rename = (code: ErrorCode) => new ConfigError('startLsn', 'no LSN').withCode(code, changes);
    expect(rename('CONFIG_INVALID')).toMatchObject({ option: 'startLsn', message: 'startLsn: no LSN. Call Ann.' });
    expect(rename('SERVER_ERROR').withCode('CONFIG_INVALID', {})).toMatchObject({
      option: 'startLsn',
      code: 'CONFIG_INVALID',
      message: 'startLsn: no LSN.',
    });
  });

  it('remains a protocol violation if it keeps that code', () => {
    const changed = new ProtocolError('It sent a ?').withCode('PROTOCOL_VIOLATION', changes);
    expect(changed).toBeInstanceOf(ProtocolError);
    expect(changed).toMatchObject({ ...changes, message: 'It sent a ?. Call Ann.' });
  });

  it('can be reclassified again', () => {
    const twice = new ConnectionError('TLS_FAILED', 'It ended', { cause })
      .withCode('TLS_REFUSED', changes)
      .withCode('TLS_FAILED', {});
    expect(twice).toMatchObject({ code: 'TLS_FAILED', message: `It ended. ${ERRORS.TLS_FAILED.remedy}`, cause });
  });
});

describe('an error in a minified program', () => {
  // Minifiers rename classes, but not string literals and property names.
  const source = readFileSync(join(__dirname, '../../lib/common/errors.ts'), 'utf8');
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.CommonJS },
  });
  const code = outputText.replace(
    /(?<!['".])\b\w+Error\b(?!['"])/g,
    (name) => `x${name.replace(/Error$/, '').toLowerCase()}`,
  );
  const minified = {} as typeof errors;
  const run = runInThisContext(`(exports, require) => { ${code} }`) as (exports: object, require: () => object) => void;
  run(minified, () => ({ ERRORS, ...errorText }));

  it.each<[name: string, make: () => ReplicationError]>([
    ['ReplicationError', () => new minified.ReplicationError('SLOT_LOST', 'It is gone')],
    ['ConfigError', () => new minified.ConfigError('connection.port', 'no port')],
    ['ConnectionError', () => new minified.ConnectionError('CONNECTION_LOST', 'It ended')],
    ['ProtocolError', () => new minified.ProtocolError('It makes no sense')],
    ['ServerError', () => new minified.ServerError('SLOT_ACTIVE', SAID)],
  ])('of class %s keeps its name', (name, make) => {
    expect(code).not.toContain(`class ${name} `);
    const error = make();
    expect([error.name, error.constructor.name, error.toJSON()['name']]).toEqual([name, name, name]);
    expect(error.stack).toMatch(new RegExp(`^${name}: `));
    expect(Object.keys(error)).not.toContain('name');
  });
});
