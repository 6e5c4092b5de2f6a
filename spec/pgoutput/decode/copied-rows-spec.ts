import fc from 'fast-check';
import { CopiedRowDecoder } from '../../../lib/pgoutput/decode/copied-rows';
import { encodeRelation } from '../../../lib/pgoutput/decode/relation-encoding';
import { UndecodedValue } from '../../../lib/pgoutput/values/undecoded-value';
import { defaultTypes } from '../../../lib/pgoutput/values/values';

const OID = 16_400;

function createDecoder(names: readonly string[], typeOid = 25, onDecodeError: 'error' | 'deliver' = 'error') {
  const decoder = new CopiedRowDecoder(0x100n, defaultTypes, { onDecodeError });
  const columns = names.map((name, i) => ({ name, key: i === 0, typeOid, typeModifier: -1 }));
  decoder.describe(encodeRelation({ oid: OID, schema: 'public', name: 't', replicaIdentity: 'd', columns }));
  return (row: string | Buffer) => {
    const bytes = Buffer.from(row);
    // As in a frame, between other bytes.
    const framed = Buffer.concat([Buffer.from('ab'), bytes, Buffer.from('\t\n')]);
    return decoder.decode(OID, framed, 2, 2 + bytes.length);
  };
}

/** As CopyAttributeOutText in copyto.c does. */
const escape = (text: string | null): string => {
  if (text === null) return '\\N';
  const letters: Record<string, string> = {
    '\b': 'b',
    '\f': 'f',
    '\n': 'n',
    '\r': 'r',
    '\t': 't',
    '\v': 'v',
    '\\': '\\',
  };
  return text.replace(/[\b\f\n\r\t\v\\]/g, (character) => `\\${letters[character]}`);
};

describe('CopiedRowDecoder', () => {
  it('reads every text that the server escapes', () => {
    const unit = fc.constantFrom('\\', '\t', '\n', '\r', '\b', '\f', '\v', 'N', 'n', 't', 'ä', '😀', '.', '');
    const text = fc.oneof(
      fc.array(unit).map((parts) => parts.join('')),
      fc.string({ unit: 'grapheme' }).map((all) => all.replaceAll('\0', '')),
    );
    const values = fc.array(fc.option(text), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(values, (row) => {
        const names = row.map((_, i) => `c${i}`);
        const insert = createDecoder(names)(`${row.map(escape).join('\t')}\n`);
        expect(insert?.new).toEqual(Object.fromEntries(names.map((name, i) => [name, row[i]])));
      }),
    );
  });

  it('counts the rows before every change of the stream', () => {
    const decode = createDecoder(['id'], 23);
    expect(decode('1\n')).toMatchObject({
      kind: 'insert',
      table: 't',
      commitLsn: 0xffn,
      ordinal: 0,
      new: { id: 1 },
      unchanged: [],
    });
    expect(decode('2\n')).toMatchObject({ commitLsn: 0xffn, ordinal: 1, new: { id: 2 } });
  });

  it.each([
    ['too few values', 'a\n'],
    ['too many values', 'a\tb\tc\n'],
    ['no newline', 'a\tb'],
    ['a newline within', 'a\nb\n'],
    ['bytes after the newline', 'a\tb\nc'],
    ['a backslash at the end', 'a\tb\\'],
    ['nothing', ''],
  ])('rejects a row with %s', (_what, row) => {
    expect(() => createDecoder(['a', 'b'])(row)).toThrow(
      'Row of COPY: expected 2 values, as in the description of t, and a newline',
    );
  });

  it('reads a row without columns', () => {
    expect(createDecoder([])('\n')?.new).toEqual({});
    expect(() => createDecoder([])('a\n')).toThrow('expected 0 values');
  });

  it('reports a value that cannot be decoded, or delivers it', () => {
    const invalid = Buffer.from([0xff, 0x0a]);
    expect(() => createDecoder(['a'])(invalid)).toThrow(/Column a of t .* not valid UTF-8/);
    const delivered = createDecoder(['a'], 25, 'deliver')(invalid)?.new['a'];
    expect(delivered).toBeInstanceOf(UndecodedValue);
  });
});
