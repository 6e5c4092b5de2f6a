import type { StartPosition } from '../../lib/ledger/checkpoint';
import { ReplicationError } from '../../lib/common/errors';
import { checkStandby } from '../../lib/commands/standby';
import type { ServerInfo } from '../../lib/commands/startup';
import { captureError } from '../support/capture-error';
import { slotAt } from './support/slot-at';

const SERVER: ServerInfo = {
  version: 180004,
  walSenderTimeout: 60_000,
  walLevel: 'logical',
  database: 'shop',
  standby: true,
  readOnly: true,
};

const OWN = slotAt(0x1000n);
const COPY = { ...OWN, synced: true };

/** The last position of a stream, on a primary or on a standby. */
function after(standby: boolean): StartPosition {
  return { lsn: 0x1000n, source: { systemId: '7', timeline: 1, slot: 'orders', ...(standby && { standby }) } };
}

/** The codes of the errors on servers 15 and 18. */
function verdicts(found: typeof OWN | undefined, position?: StartPosition, server: Partial<ServerInfo> = {}): string[] {
  return [150018, 180004].map((version) => {
    try {
      checkStandby({ ...SERVER, version, ...server }, 'orders', found, position);
      return 'none';
    } catch (error) {
      return error instanceof ReplicationError ? error.code : String(error);
    }
  });
}

describe('a slot on a standby', () => {
  it("can be used from 16 on, if it is the standby's own", () => {
    expect(verdicts(OWN)).toEqual(['UNSUPPORTED', 'none']);
    expect(verdicts(OWN, { lsn: 5n, source: undefined })).toEqual(['UNSUPPORTED', 'none']);
    expect(verdicts(OWN, after(true))).toEqual(['UNSUPPORTED', 'none']);
  });

  it('can be created there, and is lost otherwise', () => {
    expect(verdicts(undefined)).toEqual(['UNSUPPORTED', 'none']);
    expect(verdicts(undefined, after(true))).toEqual(['UNSUPPORTED', 'none']);
  });

  it('is retryable after a stream from a primary, if it does not exist yet or cannot be used', () => {
    expect(verdicts(undefined, after(false))).toEqual(['SESSION_ATTRS_MISMATCH', 'SESSION_ATTRS_MISMATCH']);
    expect(verdicts(OWN, after(false))).toEqual(['SESSION_ATTRS_MISMATCH', 'none']);
  });

  it("is retryable if it is a copy of the primary's slot", () => {
    for (const position of [undefined, after(false), after(true)]) {
      expect(verdicts(COPY, position)[1]).toBe('SESSION_ATTRS_MISMATCH');
    }
    const error = captureError(() => checkStandby(SERVER, 'orders', COPY, undefined));
    expect(error).toMatchObject({ retryable: true, remedy: expect.stringContaining('target_session_attrs=primary') });
  });

  it('is an ordinary slot once the standby is promoted', () => {
    for (const found of [OWN, COPY, undefined]) {
      expect(verdicts(found, after(false), { standby: false })).toEqual(['none', 'none']);
    }
  });
});
