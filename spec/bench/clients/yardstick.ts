/**
 * What a client of Node can reach that only decodes: paced reads, and for each table a function, made of source text, that
 * decodes every value of a row. It has no ledger, no RxJS and no TLS, checks nothing, and trusts every byte.
 */
import { connect } from 'node:net';
import { compileFunction } from 'node:vm';
import { builtins, getTypeParser } from 'pg-types';
import { encodeQuery, encodeStartupMessage, encodeTerminate } from '../../../lib/wire/frontend';
import { encodeStandbyStatusUpdate } from '../../../lib/wire/replication-messages';
import { runClient } from './harness';

type Decode = (bytes: Buffer, start: number, end: number) => unknown;
/** Decodes the row at `at`, and sets `cursor.at` to its end. */
type DecodeRow = (bytes: Buffer, at: number) => object;

const MIN_READ = 32 * 1024;
const PAUSE = 2;
const HEADER = 30;

/** Where the last decoded row ends. */
const cursor = { at: 0 };

class Change {
  constructor(
    readonly kind: string,
    readonly relation: number,
    readonly old: object | undefined,
    readonly row: object | undefined,
    readonly high: number,
    readonly low: number,
  ) {}
}

const byte = (bytes: Buffer, at: number): number => bytes[at] ?? 0;
const i32 = (bytes: Buffer, at: number): number =>
  (byte(bytes, at) << 24) | (byte(bytes, at + 1) << 16) | (byte(bytes, at + 2) << 8) | byte(bytes, at + 3);
const pair = (bytes: Buffer, at: number): number => (byte(bytes, at) - 48) * 10 + byte(bytes, at + 1) - 48;

const integer: Decode = (bytes, start, end) => {
  const isNegative = bytes[start] === 0x2d;
  let value = 0;
  for (let at = isNegative ? start + 1 : start; at < end; at++) value = value * 10 + byte(bytes, at) - 48;
  return isNegative ? -value : value;
};

const text: Decode = (bytes, start, end) => {
  if (end - start > 24) return bytes.toString('utf8', start, end);
  let value = '';
  for (let at = start; at < end; at++) {
    const code = byte(bytes, at);
    if (code > 0x7f) return bytes.toString('utf8', start, end);
    value += String.fromCharCode(code);
  }
  return value;
};

/** Of a year with four digits, in UTC. */
const timestamptz: Decode = (bytes, start, end) => {
  let ms = 0;
  let digit = 100;
  for (let at = start + 20; at < end && byte(bytes, at) >= 48 && byte(bytes, at) <= 57; at++, digit /= 10)
    ms += (byte(bytes, at) - 48) * digit;
  const [month, day, hour, minute, second] = [5, 8, 11, 14, 17].map((offset) => pair(bytes, start + offset));
  const year = pair(bytes, start) * 100 + pair(bytes, start + 2);
  return new Date(Date.UTC(year, (month ?? 1) - 1, day, hour, minute, second, ms));
};

const DECODERS: Readonly<Partial<Record<number, Decode>>> = {
  [builtins.BOOL]: (bytes, start) => bytes[start] === 0x74,
  [builtins.INT8]: text,
  [builtins.INT2]: integer,
  [builtins.INT4]: integer,
  [builtins.TEXT]: text,
  [builtins.VARCHAR]: text,
  [builtins.NUMERIC]: text,
  [builtins.UUID]: text,
  [builtins.FLOAT8]: (bytes, start, end) => Number(bytes.toString('latin1', start, end)),
  [builtins.JSON]: (bytes, start, end) => JSON.parse(bytes.toString('utf8', start, end)) as unknown,
  [builtins.JSONB]: (bytes, start, end) => JSON.parse(bytes.toString('utf8', start, end)) as unknown,
  [builtins.TIMESTAMPTZ]: timestamptz,
  [builtins.BYTEA]: (bytes, start, end) => Buffer.from(bytes.toString('latin1', start + 2, end), 'hex'),
};

function getDecoder(oid: number): Decode {
  const parse = getTypeParser(oid, 'text');
  return DECODERS[oid] ?? ((bytes, start, end) => parse(bytes.toString('utf8', start, end)));
}

/** Makes the function for the table of a Relation message whose namespace starts at `at`. */
function createRowDecoder(bytes: Buffer, at: number): DecodeRow {
  at = bytes.indexOf(0, at) + 1;
  at = bytes.indexOf(0, at) + 2;
  const columns = Array.from({ length: bytes.readUInt16BE(at) }, () => ({ name: '', oid: 0 }));
  at += 2;
  for (const column of columns) {
    const end = bytes.indexOf(0, at + 1);
    column.name = bytes.toString('utf8', at + 1, end);
    column.oid = bytes.readUInt32BE(end + 1);
    at = end + 9;
  }
  const reads = columns.map(
    (_, i) => `
      let v${i} = null;
      if (bytes[at++] === 0x74) {
        const length = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
        at += 4;
        v${i} = d${i}(bytes, at, at + length);
        at += length;
      }`,
  );
  const members = columns.map(({ name }, i) => `${JSON.stringify(name)}: v${i}`);
  const source = `return (bytes, at) => { at += 2; ${reads.join('')} cursor.at = at; return { ${members.join(', ')} }; };`;
  const create = compileFunction(source, ['cursor', ...columns.map((_, i) => `d${i}`)]) as (
    ...args: unknown[]
  ) => DecodeRow;
  return create(cursor, ...columns.map(({ oid }) => getDecoder(oid)));
}

runClient(({ endpoint: { host, port, user, database, ca }, slot, publication }, tally, fail) => {
  if (ca !== undefined) throw new Error('Over TLS this client is not measured.');
  const socket = connect({ host, port, noDelay: true });
  const rows = new Map<number, DecodeRow>();
  let high = 0;
  let low = 0;
  let isStreaming = false;
  let confirmedAt = Date.now();
  let last: Change | undefined;
  let partial = Buffer.allocUnsafe(1 << 20);
  let partialLength = 0;

  const confirm = (): void => {
    const end = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
    confirmedAt = Date.now();
    const update = { written: end, flushed: end, applied: end, now: confirmedAt, replyRequested: false };
    socket.write(encodeStandbyStatusUpdate(update));
  };
  const decodeRow = (bytes: Buffer, relation: number, at: number): object | undefined =>
    rows.get(relation)?.(bytes, at);

  /** @param at where the payload starts */
  function payload(bytes: Buffer, at: number): void {
    const relation = i32(bytes, at + 1);
    const start = at + 6;
    switch (bytes[at]) {
      case 0x49: // Insert
        tally.insert++;
        last = new Change('insert', relation, undefined, decodeRow(bytes, relation, start), high, low);
        break;
      case 0x55: {
        // Update
        tally.update++;
        const isOld = bytes[at + 5] !== 0x4e;
        const old = isOld ? decodeRow(bytes, relation, start) : undefined;
        last = new Change(
          'update',
          relation,
          old,
          decodeRow(bytes, relation, isOld ? cursor.at + 1 : start),
          high,
          low,
        );
        break;
      }
      case 0x44: // Delete
        tally.delete++;
        last = new Change('delete', relation, decodeRow(bytes, relation, start), undefined, high, low);
        break;
      case 0x43: // Commit
        high = i32(bytes, at + 10);
        low = i32(bytes, at + 14);
        tally.check();
        break;
      case 0x52: // Relation
        rows.set(relation, createRowDecoder(bytes, at + 5));
        break;
    }
  }

  function frame(bytes: Buffer, at: number): void {
    switch (bytes[at]) {
      case 0x64: // CopyData
        if (bytes[at + 5] === 0x77) payload(bytes, at + HEADER);
        else if (bytes[at + 22] === 1) confirm();
        break;
      case 0x5a: // ReadyForQuery
        if (isStreaming) break;
        isStreaming = true;
        socket.write(
          encodeQuery(
            `START_REPLICATION SLOT ${slot} LOGICAL 0/0 (proto_version '1', publication_names '${publication}')`,
          ),
        );
        break;
      case 0x45: // ErrorResponse
        fail(new Error('The server sent an error.'));
    }
  }

  function receive(chunk: Buffer): void {
    let bytes = chunk;
    let length = chunk.length;
    if (partialLength > 0) {
      if (partial.length < partialLength + length) {
        const larger = Buffer.allocUnsafe((partialLength + length) * 2);
        partial.copy(larger, 0, 0, partialLength);
        partial = larger;
      }
      chunk.copy(partial, partialLength);
      bytes = partial;
      length += partialLength;
    }
    let at = 0;
    while (length - at >= 5) {
      const total = i32(bytes, at + 1) + 1;
      if (length - at < total) break;
      frame(bytes, at);
      at += total;
    }
    if (bytes === partial) partial.copyWithin(0, at, length);
    else chunk.copy(partial, 0, at, length);
    partialLength = length - at;
    if (Date.now() - confirmedAt > 1000) confirm();
  }

  socket.on('connect', () => socket.write(encodeStartupMessage({ user, database, replication: 'database' })));
  socket.on('data', (chunk) => {
    receive(chunk);
    if (chunk.length >= MIN_READ || !isStreaming) return;
    socket.pause();
    setTimeout(() => socket.resume(), PAUSE);
  });
  socket.on('error', fail);
  return {
    leave() {
      if (!last) throw new Error('Nothing was decoded.');
      socket.end(encodeTerminate());
    },
  };
});
