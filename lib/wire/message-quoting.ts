const MAX_LENGTH = 200;

/** Quotes text of unknown origin for an error message: shortened, and without control characters. */
export function quoteForMessage(text: string): string {
  const start = JSON.stringify(text.slice(0, MAX_LENGTH)).replace(
    /[\p{C}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16) ?? ''}}`,
  );
  return text.length > MAX_LENGTH ? `${start} …` : start;
}
