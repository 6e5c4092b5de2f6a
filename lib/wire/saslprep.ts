import { saslprep } from '@mongodb-js/saslprep';

/**
 * Characters that PostgreSQL rejects, and that normalization would replace. PostgreSQL checks for prohibited characters, and for
 * those that are unassigned in Unicode 3.2, before normalization; RFC 4013 checks afterwards.
 */
const REFUSED_BEFORE =
  /[\u0340-\u0341\u03f9\u10fc\u1d2c-\u1dbf\u2090-\u209c\u213b-\u213c\u2150-\u2152\u2189\u2c7c-\u2c7d\u321d-\u321e\u3244-\u3250\u327c-\u327e\u32cc-\u32cf\u32ff\u3377-\u337a\u33de-\u33df\u33ff\ua69c-\uab69\ufa2e-\ufa2f\ufa6b-\ufad9\ufe10-\ufe19\ufe47-\ufe48\u{10781}-\u{1ccf9}\u{1d4c1}\u{1d6a4}\u{1d7ca}-\u{1d7cb}\u{1e030}-\u{1fbf9}\u{ffffe}-\u{fffff}]/u;

/**
 * Prepares a password for SCRAM as PostgreSQL does, because client and server must hash the same bytes.
 *
 * That is SASLprep (RFC 4013), except that text which SASLprep rejects is used unchanged. One difference remains: PostgreSQL
 * also checks the directions of the characters before normalization, so the result may differ for text with Hebrew or Arabic
 * presentation forms, or with ℵ, ™ or a Kangxi radical among right-to-left characters.
 */
export function saslPrep(text: string): string {
  // PostgreSQL uses ASCII text unchanged, including control characters.
  if (!/[^\0-\x7f]/.test(text) || REFUSED_BEFORE.test(text)) return text;
  try {
    return saslprep(text);
  } catch {
    return text;
  }
}
