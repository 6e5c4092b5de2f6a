import { decodeChunks, backend } from './targets/backend';
import { decodePayloads, pgoutput } from './targets/pgoutput';

describe('a stream that ends at any byte', () => {
  it.each(backend.seeds.map((frames, index) => [index, frames] as const))(
    'emits the complete messages, and no error: %i',
    (_, frames) => {
      const bytes = Buffer.concat(frames);
      const all = decodeChunks([bytes]);
      expect(all).toHaveLength(frames.length);
      let whole = 0;
      let wholeEnd = 0;
      for (let end = 0; end <= bytes.length; end++) {
        const next = frames[whole];
        if (next && end === wholeEnd + next.length) {
          wholeEnd = end;
          whole++;
        }
        expect(decodeChunks([bytes.subarray(0, end)])).toEqual(all.slice(0, whole));
      }
    },
  );
});

describe('payloads of which one is truncated or too long', () => {
  it.each(pgoutput.seeds.slice(0, 5).map((parts, index) => [index, parts] as const))(
    'emit the messages before it, and a ProtocolError: %i',
    (_, parts) => {
      const all = decodePayloads(parts);
      expect(all).toHaveLength(parts.length);
      for (const [at, part] of parts.entries()) {
        const wrong = Array.from(part, (_byte, end) => part.subarray(0, end));
        for (const payload of [...wrong, Buffer.concat([part, Buffer.of(0)])]) {
          const outcome = decodePayloads([...parts.slice(0, at), payload, ...parts.slice(at + 1)]);
          expect(outcome).toHaveLength(at + 1);
          expect(outcome.slice(0, at)).toEqual(all.slice(0, at));
          expect(outcome.at(-1)).toMatch(/^PROTOCOL_VIOLATION: /);
        }
      }
    },
  );
});
