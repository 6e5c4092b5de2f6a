import { ConnectionError } from '../../../lib/common/errors';
import { getRawChange } from '../../../lib/pgoutput/messages/raw-change';
import { RawChangeDecoder } from '../../../lib/pgoutput/decode/raw-change-decoder';
import { TypeCatalog } from '../../../lib/pgoutput/types/type-catalog';
import type { TypeDefinition } from '../../../lib/pgoutput/types/type-definitions';
import type { SessionOptions } from '../../../lib/stream/session/session-ports';
import { defaultTypes } from '../../../lib/pgoutput/values/values';
import { createPayloadDecoder } from '../../../lib/stream/session/output-plugin';
import { buildXlogData } from '../../../lib/testing/backend-messages';
import {
  buildBegin,
  buildBeginPrepare,
  buildCommit,
  buildCommitPrepared,
  insertXid,
  buildInsert,
  buildPrepare,
  buildRelation,
  buildStreamAbort,
  buildStreamCommit,
  buildStreamStart,
  buildStreamStop,
} from '../../../lib/testing/payloads';
import { recordOf } from '../../pgoutput/binary/support/bytes';
import { createSession, type SessionFixture } from './support/fake-host';

const MOODS = 20_001;
const ADDRESS = 20_002;

const MOOD_ARRAY: [number, TypeDefinition] = [MOODS, { kind: 'array', element: 20_000, delimiter: ',' }];

function addressOf(...names: string[]): [number, TypeDefinition] {
  return [ADDRESS, { kind: 'composite', attributes: names.map((name) => ({ name, typeOid: 25 })) }];
}

interface Fixture extends SessionFixture {
  readonly catalog: TypeCatalog;
  /** The delivered rows. */
  readonly rows: () => unknown[];
}

function fixture(options: Partial<SessionOptions> = {}): Fixture {
  const catalog = new TypeCatalog();
  const session = createSession(
    { ...options, catalog },
    createPayloadDecoder({ types: defaultTypes, catalog, composites: true }),
  );
  const rows = (): unknown[] =>
    session.host.delivered.flatMap((message) => (message.kind === 'insert' ? [message.new] : []));
  return { ...session, catalog, rows };
}

function table(typeOid: number): Buffer {
  return buildRelation({ columns: [{ name: 'v', typeOid }] });
}

function frames(...payloads: Buffer[]): Buffer[] {
  return payloads.map((payload) => buildXlogData(payload));
}

describe('a table with a type that has not been looked up', () => {
  it('is delivered, and its rows wait until the type is known', () => {
    const { receive, host, session, catalog, rows } = fixture();
    receive(...frames(buildBegin(), table(MOODS), buildInsert(['{sad,ok}']), buildCommit()));
    expect([host.kinds, host.lookUps]).toEqual([['begin', 'relation'], [[MOODS]]]);
    catalog.learn([MOODS], new Map([MOOD_ARRAY]));
    session.completeTypeLookup();
    expect(rows()).toEqual([{ v: ['sad', 'ok'] }]);
    expect(host.kinds.at(-1)).toBe('commit');
  });

  it('does not count as a full window', () => {
    const { receive, host, session, catalog } = fixture({ window: { messages: 1, bytes: 1_000_000 } });
    receive(...frames(buildBegin(), table(MOODS), buildInsert(['{sad,ok}'])));
    host.time = 60_000;
    catalog.learn([MOODS], new Map([MOOD_ARRAY]));
    session.completeTypeLookup();
    expect(host.kinds.at(-1)).toBe('insert');
    host.delivered.at(-1)?.ack();
    expect(host.waits).toEqual([0]);
  });

  it('delays nothing else: feedback continues, and further data is kept', () => {
    const { receive, host, session, catalog, pass, rows } = fixture();
    receive(...frames(buildBegin(), table(MOODS)));
    pass(10_000);
    session.tick(10_000);
    receive(...frames(buildInsert(['{ok}'])));
    receive(...frames(buildInsert(['{sad}']), buildCommit()));
    expect([host.statuses.length > 0, rows()]).toEqual([true, []]);
    catalog.learn([MOODS], new Map([MOOD_ARRAY]));
    session.completeTypeLookup();
    expect(rows()).toEqual([{ v: ['ok'] }, { v: ['sad'] }]);
  });

  it('is text if the lookup fails, even if a later one would succeed', () => {
    const { receive, host, session, catalog, rows } = fixture();
    receive(...frames(buildBegin(), table(MOODS), buildInsert(['{ok}']), buildCommit()));
    session.completeTypeLookup(new ConnectionError('CONNECTION_REFUSED', 'No'));
    catalog.learn([], new Map([MOOD_ARRAY]));
    receive(...frames(buildBegin(), table(MOODS), buildInsert(['{sad}']), buildCommit()));
    expect([rows(), host.lookUps, host.outcome]).toEqual([[{ v: '{ok}' }, { v: '{sad}' }], [[MOODS]], undefined]);
  });

  it('ends the stream with the error of the lookup if its values are binary', () => {
    const { receive, host, session } = fixture();
    receive(
      ...frames(buildBegin(), table(MOODS), buildInsert([null]), buildInsert([Buffer.from('ok')]), buildCommit()),
    );
    const error = new ConnectionError('CONNECTION_REFUSED', 'No');
    session.completeTypeLookup(error);
    expect(host.outcome).toEqual({ error });
  });

  it('is an error in binary if the catalog does not have it', () => {
    const { receive, host, session, catalog } = fixture();
    receive(...frames(buildBegin(), table(MOODS), buildInsert([Buffer.from('ok')]), buildCommit()));
    catalog.learn([MOODS], new Map());
    session.completeTypeLookup();
    expect(host.outcome?.error).toMatchObject({ code: 'VALUE_DECODE_FAILED', retryable: false });
  });

  it('is looked up once, and not at all if its types are built in', () => {
    const { receive, host, session, catalog } = fixture();
    receive(...frames(buildBegin(), table(25), buildInsert(['a']), buildCommit()));
    receive(...frames(buildBegin(), table(MOODS)));
    catalog.learn([MOODS], new Map([MOOD_ARRAY]));
    session.completeTypeLookup();
    receive(...frames(table(MOODS), buildInsert(['{}']), buildCommit()));
    expect(host.lookUps).toEqual([[MOODS]]);
  });

  it('does not prevent the session from closing', () => {
    const { receive, host, session } = fixture();
    receive(...frames(buildBegin(), table(MOODS), buildInsert(['{}'])));
    session.release();
    session.completeTypeLookup();
    expect([host.happened, host.kinds]).toEqual([
      ['status', 'closing', 'status', 'copyDone'],
      ['begin', 'relation'],
    ]);
  });
});

describe('a type that occurs in an open transaction', () => {
  const first = (payload: Buffer) => insertXid(700, payload);

  function streamed(): Fixture {
    const made = fixture();
    made.receive(...frames(buildStreamStart(), first(table(MOODS)), first(buildInsert(['{ok}'])), buildStreamStop()));
    made.catalog.learn([MOODS], new Map());
    made.session.completeTypeLookup();
    expect([made.rows(), made.host.kinds.at(-1)]).toEqual([[{ v: '{ok}' }], 'streamStop']);
    return made;
  }

  it('is looked up again before its commit is delivered, and the kept changes are decoded then', () => {
    const { receive, host, session, catalog, rows } = streamed();
    receive(...frames(buildStreamCommit(), buildBegin(), buildInsert(['{sad}']), buildCommit()));
    expect([host.kinds.at(-1), host.lookUps]).toEqual(['streamStop', [[MOODS], [MOODS]]]);
    catalog.learn([MOODS], new Map([MOOD_ARRAY]));
    session.completeTypeLookup();
    const [kept] = host.delivered.flatMap((message) => getRawChange(message) ?? []);
    const { payload, relations } = kept!;
    expect(new RawChangeDecoder(1n).decodeChange(payload, 0, payload.length, relations)).toMatchObject({
      new: { v: ['ok'] },
    });
    expect([rows().at(-1), host.lookUps.length]).toEqual([{ v: ['sad'] }, 2]);
  });

  it('is looked up when another, committed transaction describes a table with it', () => {
    const { receive, host, session, catalog, rows } = streamed();
    receive(...frames(buildBegin(), table(MOODS), buildInsert(['{sad}']), buildCommit()));
    catalog.learn([MOODS], new Map([MOOD_ARRAY]));
    session.completeTypeLookup();
    expect([rows().at(-1), host.lookUps.length]).toEqual([{ v: ['sad'] }, 2]);
    receive(...frames(buildStreamCommit()));
    expect([host.kinds.at(-1), host.lookUps.length]).toEqual(['streamCommit', 2]);
  });

  it.each([
    ['does not exist', undefined],
    ['cannot be looked up', new ConnectionError('CONNECTION_REFUSED', 'No')],
  ])('is text if it %s then', (_, error) => {
    const { receive, host, session, catalog, rows } = streamed();
    receive(...frames(buildStreamCommit(), buildBegin(), buildInsert(['{sad}']), buildCommit()));
    if (!error) catalog.learn([MOODS], new Map());
    session.completeTypeLookup(error);
    expect([host.kinds.at(-1), rows().at(-1), host.outcome]).toEqual(['commit', { v: '{sad}' }, undefined]);
  });

  it('is not looked up when that is aborted, until another transaction uses it', () => {
    const { receive, host } = streamed();
    receive(...frames(buildStreamAbort({ xid: 700, subxid: 700 })));
    expect([host.kinds.at(-1), host.lookUps.length]).toEqual(['streamAbort', 1]);
    receive(...frames(buildStreamStart({ xid: 701 }), insertXid(701, table(MOODS))));
    expect(host.lookUps).toEqual([[MOODS], [MOODS]]);
  });

  it('ends the stream in binary: it can be decoded when that is committed', () => {
    const { receive, host } = streamed();
    receive(...frames(buildStreamStart({ first: false }), first(buildInsert([Buffer.from('ok')]))));
    expect(host.outcome?.error).toMatchObject({ code: 'VALUE_DECODE_FAILED', retryable: true });
  });

  it('ends the stream in binary with an error that is not retryable if its form is unknown', () => {
    const { receive, host, session, catalog } = fixture();
    receive(...frames(buildStreamStart(), first(table(MOODS)), first(buildInsert([Buffer.from('ok')]))));
    catalog.learn([MOODS], new Map([[MOODS, { kind: 'base' }]]));
    session.completeTypeLookup();
    expect(host.outcome?.error).toMatchObject({ code: 'VALUE_DECODE_FAILED', retryable: false });
  });

  it('of a prepared transaction is looked up when that is committed', () => {
    const { receive, host, session, catalog, rows } = fixture();
    receive(...frames(buildBeginPrepare(), table(MOODS), buildInsert(['{ok}']), buildPrepare()));
    catalog.learn([MOODS], new Map());
    session.completeTypeLookup();
    expect([rows(), host.kinds.at(-1)]).toEqual([[{ v: '{ok}' }], 'prepare']);
    receive(...frames(buildCommitPrepared(), buildBegin(), buildInsert(['{sad}']), buildCommit()));
    expect(host.kinds.at(-1)).toBe('prepare');
    catalog.learn([MOODS], new Map([MOOD_ARRAY]));
    session.completeTypeLookup();
    expect([host.kinds.at(-1), rows().at(-1)]).toEqual(['commit', { v: ['sad'] }]);
  });
});

describe('a composite that was altered', () => {
  function reading(...names: string[]): Fixture {
    const made = fixture();
    made.catalog.learn([], new Map([addressOf(...names)]));
    made.receive(...frames(buildBegin(), table(ADDRESS), buildInsert(['(Elm,7)'])));
    return made;
  }

  it('is looked up again, and its value is decoded then', () => {
    const { receive, host, session, catalog, rows } = reading('street', 'no');
    receive(...frames(buildInsert(['(Elm,7,Rome)']), buildInsert(['(Oak,8)']), buildCommit()));
    expect([rows(), host.lookUps]).toEqual([[{ v: { street: 'Elm', no: '7' } }], [[ADDRESS]]]);
    catalog.learn([ADDRESS], new Map([addressOf('street', 'no', 'city')]));
    session.completeTypeLookup();
    expect(rows().slice(1)).toEqual([
      { v: { street: 'Elm', no: '7', city: 'Rome' } },
      { v: { street: 'Oak', no: '8' } },
    ]);
    const ordinals = host.delivered.flatMap((message) => (message.kind === 'insert' ? [message.ordinal] : []));
    expect(ordinals).toEqual([0, 1, 2]);
  });

  it('ends the stream with the retryable error of the lookup', () => {
    const { receive, host, session } = reading('street', 'no');
    receive(...frames(buildInsert(['(Elm,7,Rome)'])));
    const error = new ConnectionError('CONNECTION_REFUSED', 'No');
    session.completeTypeLookup(error);
    expect(host.outcome).toEqual({ error });
  });

  it('ends the stream if such values do not match the catalog either', () => {
    const { receive, host, session, catalog } = reading('street', 'no');
    receive(...frames(buildInsert(['(Elm,7,Rome,x)'])));
    catalog.learn([ADDRESS], new Map([addressOf('street', 'no', 'city')]));
    session.completeTypeLookup();
    expect(host.outcome?.error).toMatchObject({ code: 'VALUE_DECODE_FAILED', retryable: false });
    expect(host.lookUps).toEqual([[ADDRESS]]);
  });

  describe('with a value of a new type, in binary', () => {
    const HUE = 20_003;
    const altered = recordOf([
      [25, Buffer.from('Elm')],
      [HUE, Buffer.from('red')],
    ]);
    const hued: [number, TypeDefinition] = [
      ADDRESS,
      {
        kind: 'composite',
        attributes: [
          { name: 'street', typeOid: 25 },
          { name: 'hue', typeOid: HUE },
        ],
      },
    ];

    it.each([[['street']], [['street', 'no']]])('is looked up with it, and then decoded, if it had %j', (names) => {
      const { receive, host, session, catalog, rows } = fixture();
      catalog.learn([], new Map([addressOf(...names)]));
      receive(...frames(buildBegin(), table(ADDRESS), buildInsert([altered]), buildInsert([altered]), buildCommit()));
      expect([host.lookUps, host.outcome]).toEqual([[[ADDRESS, HUE]], undefined]);
      catalog.learn([ADDRESS, HUE], new Map([hued, [HUE, { kind: 'enum' }]]));
      session.completeTypeLookup();
      expect(rows()).toEqual([{ v: { street: 'Elm', hue: 'red' } }, { v: { street: 'Elm', hue: 'red' } }]);
      expect(host.lookUps).toHaveLength(1);
    });

    it('ends the stream with the error of the lookup', () => {
      const { receive, host, session } = reading('street', 'no');
      receive(...frames(buildInsert([altered])));
      const error = new ConnectionError('CONNECTION_REFUSED', 'No');
      session.completeTypeLookup(error);
      expect(host.outcome).toEqual({ error });
    });

    it.each<[string, [number, TypeDefinition][]]>([
      ['the catalog does not have it', []],
      ['it is a base type', [[HUE, { kind: 'base' }]]],
    ])('ends the stream with a remedy if %s', (_, found) => {
      const { receive, host, session, catalog } = reading('street', 'no');
      receive(...frames(buildInsert([altered])));
      catalog.learn([ADDRESS, HUE], new Map([hued, ...found]));
      session.completeTypeLookup();
      expect(host.lookUps).toEqual([[ADDRESS, HUE]]);
      expect(host.outcome?.error?.message).toMatch(/^Column v of \w+ .* without binary/);
    });
  });
});
