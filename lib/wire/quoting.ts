const LONGEST = 200;

/** What a stranger said, for an error's message: not too long, and nothing in it that steers a terminal. */
export function quoteForMessage(text: string): string {
  const start = JSON.stringify(text.slice(0, LONGEST)).replace(
    /[\p{C}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16) ?? ''}}`,
  );
  return text.length > LONGEST ? `${start} …` : start;
}
