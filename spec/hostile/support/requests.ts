/** Messages of a server to a client that authenticates. */
import {
  buildAuthenticationOk,
  buildCommandComplete,
  buildDataRow,
  buildFrame,
  buildReadyForQuery,
  buildRowDescription,
} from '../../../lib/testing/backend-messages';
import { cstring, u32, u8 } from '../../../lib/testing/bytes';
import { READ_BACK } from '../../support/session-settings';
import { SALT } from './attack';
import type { Peer } from './hostile-server';

export const ACCEPTED = Buffer.concat([buildAuthenticationOk(), buildFrame('K', u32(1), u32(2)), buildReadyForQuery()]);
export const CLEARTEXT = buildFrame('R', u32(3));
export const MD5 = buildFrame('R', u32(5), SALT);

export function mechanisms(...names: readonly string[]): Buffer {
  return buildFrame('R', u32(10), ...names.map(cstring), u8(0));
}

export function challenge(text: string): Buffer {
  return buildFrame('R', u32(11), Buffer.from(text));
}

export function final(text: string): Buffer {
  return buildFrame('R', u32(12), Buffer.from(text));
}

/** Offers SCRAM. Resolves with the client's nonce and the mechanism that it has chosen. */
export async function scram(peer: Peer, ...offered: readonly string[]): Promise<{ nonce: string; chosen: string }> {
  peer.send(mechanisms(...(offered.length > 0 ? offered : ['SCRAM-SHA-256'])));
  const { body } = await peer.next();
  const [chosen = ''] = body.toString('latin1').split('\0');
  const [, nonce = ''] = /,r=([^,]*)$/.exec(body.toString('latin1')) ?? [];
  return { nonce, chosen };
}

const DONE = Buffer.concat([buildCommandComplete('SELECT 1'), buildReadyForQuery()]);

/** Accepts any client, and responds until the client sends the command under attack. */
export async function admit(peer: Peer): Promise<void> {
  await peer.startup();
  peer.send(ACCEPTED);
  await peer.next();
  peer.send(DONE);
  await peer.next();
  peer.send(buildRowDescription(Object.keys(READ_BACK)), buildDataRow(Object.values(READ_BACK)), DONE);
  await peer.next();
}
