import { quoteForMessage } from '../../lib/wire/message-quoting';

describe('quoted', () => {
  it.each([
    ['plain text', '"plain text"'],
    ['a "word"\\', '"a \\"word\\"\\\\"'],
    ['\x1b[31m\r\n\0', '"\\u001b[31m\\r\\n\\u0000"'],
    ['\x7f\x9b', '"\\u{7f}\\u{9b}"'],
    ['\u2028\u2029', '"\\u{2028}\\u{2029}"'],
    ['a\u202eb\u200b', '"a\\u{202e}b\\u{200b}"'],
    ['zoë 😀', '"zoë 😀"'],
  ])('shows %j', (text, shown) => {
    expect(quoteForMessage(text)).toBe(shown);
  });

  it('truncates long text', () => {
    expect(quoteForMessage('x'.repeat(200))).toBe(`"${'x'.repeat(200)}"`);
    expect(quoteForMessage('x'.repeat(201))).toBe(`"${'x'.repeat(200)}" …`);
  });
});
