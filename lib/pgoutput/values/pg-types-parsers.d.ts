/** The parsers that pg-types starts with, before anybody has set others: the package's types leave this file out. */
declare module 'pg-types/lib/textParsers.js' {
  export function init(register: (oid: number, parse: (value: string) => unknown) => void): void;
}
