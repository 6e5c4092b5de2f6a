import { readElements, readObjectIdentifier } from '../../lib/wire/der';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

function lengths(text: string): number[] | undefined {
  return readElements(hex(text))?.map(({ content }) => content.length);
}

describe('elementsOf', () => {
  it('reads consecutive elements', () => {
    expect(readElements(hex('05 00 04 02 aabb'))).toEqual([
      { tag: 5, content: Buffer.alloc(0) },
      { tag: 4, content: hex('aabb') },
    ]);
    expect(readElements(Buffer.alloc(0))).toEqual([]);
  });

  it.each([
    ['one byte', `04 7f ${'00'.repeat(127)}`, 127],
    ['two', `04 81 80 ${'00'.repeat(128)}`, 128],
    ['three', `04 82 0100 ${'00'.repeat(256)}`, 256],
    ['four', `04 83 010000 ${'00'.repeat(65536)}`, 65536],
  ])('reads a length of %s', (_, text, length) => {
    expect(lengths(text)).toEqual([length]);
  });

  it.each([
    ['a tag alone', '04'],
    ['less than the length says', '04 03 aabb'],
    ['a length without its bytes', '04 82 01'],
    ['an indefinite length', '30 80 05 00 00 00'],
    ['a length in more bytes than it needs', `04 81 7f ${'00'.repeat(127)}`],
    ['a length that starts with a zero', `04 82 0080 ${'00'.repeat(128)}`],
    ['a length of four bytes', '04 84 00000001 aa'],
    ['a length of 4 GB', '04 84 ffffffff'],
    ['a length that is reserved', '04 ff'],
    ['a tag of several bytes', '1f 81 01 00'],
    ['one byte too many', '05 00 05'],
  ])('rejects %s', (_, text) => {
    expect(readElements(hex(text))).toBeUndefined();
  });
});

describe('objectIdentifier', () => {
  it.each([
    ['2a864886f70d01010b', '1.2.840.113549.1.1.11'],
    ['2b6570', '1.3.101.112'],
    ['6086480165030402 01', '2.16.840.1.101.3.4.2.1'],
    ['883703', '2.999.3'],
    ['00', '0.0'],
  ])('reads %s', (text, expected) => {
    expect(readObjectIdentifier({ tag: 6, content: hex(text) })).toBe(expected);
  });

  it.each([
    ['nothing', 6, ''],
    ['another tag', 5, '2a03'],
    ['an arc that does not end', 6, '2a86'],
    ['an arc that starts with a zero', 6, '2a8003'],
    ['an arc beyond 32 bits', 6, '2affffffff7f'],
    ['an identifier that is too long', 6, '2a'.repeat(33)],
  ])('rejects %s', (_, tag, text) => {
    expect(readObjectIdentifier({ tag, content: hex(text) })).toBeUndefined();
  });
});
