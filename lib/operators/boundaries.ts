import type { StreamMessage } from '../pgoutput/messages/messages';

type Kind = StreamMessage['kind'];

const STARTS: ReadonlySet<Kind> = new Set<Kind>(['begin', 'beginPrepare', 'streamStart']);
const ENDS: ReadonlySet<Kind> = new Set<Kind>(['commit', 'prepare', 'streamStop']);

/** Whether more of a transaction, or of a block of one, is to come behind this message. */
export function isInside({ kind }: StreamMessage, before: boolean): boolean {
  return STARTS.has(kind) || (before && !ENDS.has(kind));
}
