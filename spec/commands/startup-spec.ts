import { ProtocolError } from '../../lib/common/errors';
import { startUp, type BackendKey, type ServerInfo, type StartupOptions } from '../../lib/commands/startup';
import type { BackendMessage } from '../../lib/wire/backend';
import { READ_BACK } from '../support/session-settings';
import {
  runRoutine,
  done,
  READY,
  buildError,
  rows,
  serverFields,
  type Outcome,
  type ClientCommands,
} from './support/converse';

const STARTUP: StartupOptions = {
  policy: { user: 'alice', methods: undefined, isExplicit: false, channelBinding: 'prefer' },
  database: 'shop',
  applicationName: 'specs',
  options: undefined,
};

const KEY: BackendMessage = { kind: 'backendKeyData', processId: 7, secret: Buffer.from([1, 2, 3, 4]) };

interface Trial {
  /** The messages before ReadyForQuery. */
  greeting?: readonly BackendMessage[];
  settings?: Readonly<Record<string, string | null>>;
  startup?: Partial<StartupOptions>;
}

function start(trial: Trial = {}): Outcome<ServerInfo> & { keys: BackendKey[] } {
  const { greeting = [{ kind: 'authenticationOk' }, KEY, READY], settings = READ_BACK } = trial;
  const keys: BackendKey[] = [];
  const greetings = [...greeting];
  const server = (said: ClientCommands): readonly BackendMessage[] => {
    if (said.kind === 'query') return said.sql.startsWith('SELECT') ? rows(settings) : done();
    return greetings.splice(0);
  };
  const conversation = startUp({ ...STARTUP, ...trial.startup }, { kind: 'clear' }, (key) => keys.push(key));
  return { ...runRoutine(conversation, server), keys };
}

function parametersOf({ said }: Outcome<unknown>): Record<string, string> {
  const [first] = said;
  return first?.kind === 'startup' ? first.parameters : {};
}

describe('start-up', () => {
  it('sends the user, and requests a replication connection to a database', () => {
    expect(parametersOf(start())).toMatchObject({
      user: 'alice',
      database: 'shop',
      application_name: 'specs',
      replication: 'database',
    });
  });

  it('sends no other parameter, because proxies and poolers drop or refuse unknown ones', () => {
    const usual = ['application_name', 'database', 'user'];
    expect(Object.keys(parametersOf(start())).sort()).toEqual([...usual, 'replication'].sort());
    expect(Object.keys(parametersOf(start({ startup: { replication: false } }))).sort()).toEqual(usual);
  });

  it('sends options if there are any', () => {
    expect(parametersOf(start({ startup: { options: '-c geqo=off' } }))).toHaveProperty('options', '-c geqo=off');
    expect(parametersOf(start())).not.toHaveProperty('options');
  });

  it('returns what it found out about the server', () => {
    expect(start().value).toEqual({
      version: 180004,
      walSenderTimeout: 60_000,
      walLevel: 'logical',
      standby: false,
      readOnly: false,
      database: 'shop',
    });
    expect(start({ settings: { ...READ_BACK, wal_sender_timeout: '0' } }).value).toHaveProperty('walSenderTimeout', 0);
  });

  it('reports the cancel key as soon as it is received', () => {
    expect(start().keys).toMatchObject([{ processId: 7, secret: Buffer.from([1, 2, 3, 4]) }]);
  });

  it('ignores notices and settings, and accepts a server without a newer protocol', () => {
    const { error, value } = start({
      greeting: [
        { kind: 'negotiateProtocolVersion', minorVersion: 0, options: [] },
        { kind: 'notice', fields: serverFields({ severity: 'WARNING' }) },
        { kind: 'authenticationOk' },
        { kind: 'parameterStatus', name: 'server_version', value: '18.4' },
        KEY,
        READY,
      ],
    });
    expect([error, value?.version]).toEqual([undefined, 180004]);
  });

  it.each<[what: string, message: BackendMessage]>([
    ['a newer protocol than requested', { kind: 'negotiateProtocolVersion', minorVersion: 2, options: [] }],
    ['options that were not requested', { kind: 'negotiateProtocolVersion', minorVersion: 0, options: ['_pq_.x'] }],
    ['ReadyForQuery without AuthenticationOk', READY],
    ['BackendKeyData without AuthenticationOk', KEY],
    ['ParameterStatus without AuthenticationOk', { kind: 'parameterStatus', name: 'server_version', value: '18.4' }],
  ])('fails if a server responds with %s', (_, message) => {
    const { error, said } = start({ greeting: [message, { kind: 'authenticationOk' }, KEY, READY] });
    expect(error).toBeInstanceOf(ProtocolError);
    expect(said.map(({ kind }) => kind)).toEqual(['startup']);
  });

  it('sends the password when it is requested', () => {
    const passwords: string[] = [];
    const server = (said: ClientCommands): readonly BackendMessage[] => {
      if (said.kind === 'startup') return [{ kind: 'authenticationCleartext' }];
      if (said.kind === 'query') return said.sql.startsWith('SELECT') ? rows(READ_BACK) : done();
      passwords.push(said.text);
      return [{ kind: 'authenticationOk' }, KEY, READY];
    };
    const { error } = runRoutine(
      startUp(STARTUP, { kind: 'local' }, () => undefined),
      server,
    );
    expect([error, passwords]).toEqual([undefined, ['secret']]);
  });

  it.each([
    ['28P01', 'AUTHENTICATION_FAILED'],
    ['28000', 'HBA_REFUSED'],
    ['3D000', 'DATABASE_MISSING'],
    ['53300', 'TOO_MANY_CONNECTIONS'],
    ['57P03', 'SERVER_SHUTDOWN'],
  ])('fails with the meaning of SQLSTATE %s', (sqlState, code) => {
    const { error } = start({ greeting: buildError({ severity: 'FATAL', sqlState }).slice(0, 1) });
    expect(error).toMatchObject({ code, sqlState });
  });

  it('never includes the password in an error', () => {
    const refused = start({ greeting: buildError({ severity: 'FATAL', sqlState: '28P01' }).slice(0, 1) }).error;
    const confused = start({ greeting: [{ kind: 'authenticationOther', method: 7 }] }).error;
    for (const error of [refused, confused]) {
      expect(error).toBeInstanceOf(Error);
      expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('secret');
    }
  });

  it('rejects other messages', () => {
    const { error } = start({ greeting: [{ kind: 'copyBoth' }] });
    expect(error).toMatchObject({
      code: 'PROTOCOL_VIOLATION',
      message: expect.stringContaining('copyBoth during start-up'),
    } satisfies Partial<ProtocolError>);
  });

  it('rejects a server that does not return its settings', () => {
    expect(start({ settings: { ...READ_BACK, version: null } }).error).toMatchObject({ code: 'PROTOCOL_VIOLATION' });
  });
});
