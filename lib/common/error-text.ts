/** Characters that control a terminal, start a new line in a log, or change the direction of text. */
const CONTROL_CHARACTERS = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

/** Escapes control characters: a message can hold text from an untrusted server and is printed in terminals. */
export function makePrintable(message: string): string {
  return message.replace(CONTROL_CHARACTERS, (sign) =>
    sign === '\n' ? '\\n' : `\\u{${sign.codePointAt(0)?.toString(16) ?? ''}}`,
  );
}

/** In characters. */
const MAX_LENGTH = 1000;

/** Shortens text of the server for a message. */
export function abridge(text: string): string {
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)} …` : text;
}
