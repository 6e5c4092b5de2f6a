import { saslprep } from '@mongodb-js/saslprep';

/**
 * What PostgreSQL refuses, and what the normalisation would turn into something that nobody refuses: it looks for
 * prohibited characters, and for those that Unicode 3.2 does not know, before it normalises; RFC 4013 does it afterwards.
 */
const REFUSED_BEFORE =
  /[\u0340-\u0341\u03f9\u10fc\u1d2c-\u1dbf\u2090-\u209c\u213b-\u213c\u2150-\u2152\u2189\u2c7c-\u2c7d\u321d-\u321e\u3244-\u3250\u327c-\u327e\u32cc-\u32cf\u32ff\u3377-\u337a\u33de-\u33df\u33ff\ua69c-\uab69\ufa2e-\ufa2f\ufa6b-\ufad9\ufe10-\ufe19\ufe47-\ufe48\u{10781}-\u{1ccf9}\u{1d4c1}\u{1d6a4}\u{1d7ca}-\u{1d7cb}\u{1e030}-\u{1fbf9}\u{ffffe}-\u{fffff}]/u;

/**
 * Prepares a password for SCRAM the way that PostgreSQL does: both ends must hash the same bytes.
 *
 * That is SASLprep (RFC 4013), except that text which it refuses is used as it is. One difference is left: PostgreSQL
 * looks at the directions of the characters before the normalisation, too, so that text with Hebrew or Arabic
 * presentation forms, or with ℵ, ™ or a Kangxi radical amid right-to-left characters, may come out otherwise.
 */
export function saslPrep(text: string): string {
  // PostgreSQL takes any ASCII as it is, control characters too.
  if (!/[^\0-\x7f]/.test(text) || REFUSED_BEFORE.test(text)) return text;
  try {
    return saslprep(text);
  } catch {
    return text;
  }
}
