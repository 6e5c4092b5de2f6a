import { Fields } from './fields';
import { LimitError } from '../values/value-limits';
import { quoteLexeme } from './text-search';

const VALUE = 1;
const OPERATOR = 2;

const NOT = 1;
const PHRASE = 4;

/** The precedence of operators by code (QO_PRIORITY in ts_type.h): not, and, or, phrase. */
const PRIORITIES: readonly (number | undefined)[] = [undefined, 4, 2, 1, 3];
const SYMBOLS: readonly (string | undefined)[] = [undefined, '!', '&', '|'];
const IN_NO_PARENTHESES = 5;

const WEIGHTS: readonly (readonly [bit: number, letter: string])[] = [
  [8, 'A'],
  [4, 'B'],
  [2, 'C'],
  [1, 'D'],
];

/** Far more levels than a server can print, because it uses stack for each level. */
const MAX_DEPTH = 1_000_000;
/** The server has 1 MB for all operands, each of which takes a byte and more. */
const MAX_ITEMS = 2 ** 22;

interface Operator {
  readonly code: number;
  readonly priority: number;
  readonly symbol: string;
  /** The text of the right operand, once it is read. */
  right?: string;
}

/** The text of an operand without parentheses around it. */
interface Part {
  readonly text: string;
  readonly priority: number;
  readonly isPhrase: boolean;
}

/** tsquery: items in prefix order, the right operand before the left one. */
export function writeTsquery(bytes: Buffer, start: number, end: number): string {
  const fields = new Fields(bytes, start, end);
  // Iterative: recursion would overflow the stack with some thousand operators.
  const open: Operator[] = [];
  let whole: Part | undefined;
  const items = fields.count(2);
  if (items > MAX_ITEMS) throw new LimitError(`it has more than ${MAX_ITEMS} operands and operators`);
  for (let count = items; count > 0; count--) {
    if (whole !== undefined) throw new Error('the tsquery has an operand without an operator');
    const item = readItem(fields);
    if (typeof item === 'string') whole = complete(open, { text: item, priority: IN_NO_PARENTHESES, isPhrase: false });
    else if (open.push(item) > MAX_DEPTH) throw new LimitError(`the tsquery has more than ${MAX_DEPTH} levels`);
  }
  fields.finish();
  if (open.length > 0) throw new Error('the tsquery has an operator without operands');
  return whole?.text ?? '';
}

/** Reads an item. @returns the operator, or the text of a value */
function readItem(fields: Fields): Operator | string {
  const type = fields.u8();
  if (type === VALUE) {
    const weights = fields.u8();
    const isPrefix = fields.u8() !== 0;
    const flags = (isPrefix ? '*' : '') + WEIGHTS.map(([bit, letter]) => (weights & bit ? letter : '')).join('');
    return quoteLexeme(fields.cstring()) + (flags === '' ? '' : `:${flags}`);
  }
  if (type !== OPERATOR) throw new Error(`unknown item type ${type} of a tsquery`);
  const code = fields.u8();
  const priority = PRIORITIES[code];
  if (priority === undefined) throw new Error(`unknown operator ${code} of a tsquery`);
  return { code, priority, symbol: code === PHRASE ? formatDistance(fields.i16()) : (SYMBOLS[code] ?? '') };
}

function formatDistance(distance: number): string {
  return distance === 1 ? '<->' : `<${distance}>`;
}

/** Passes an operand to the innermost open operator, and each completed operator to the next one. @returns the complete query */
function complete(open: Operator[], part: Part): Part | undefined {
  let operand = part;
  for (;;) {
    const operator = open.at(-1);
    if (operator === undefined) return operand;
    const { code, priority, symbol, right } = operator;
    const isPhrase = code === PHRASE;
    if (code !== NOT && right === undefined) {
      // a <-> (b <-> c) is not the same as (a <-> b) <-> c.
      operator.right = parenthesize(operand, operand.priority < priority || (isPhrase && operand.isPhrase));
      return undefined;
    }
    open.pop();
    const text = parenthesize(operand, operand.priority < priority);
    operand = {
      text: right === undefined ? symbol + text : `${text} ${symbol} ${right}`,
      priority,
      isPhrase,
    };
  }
}

function parenthesize({ text }: Part, areNeeded: boolean): string {
  return areNeeded ? `( ${text} )` : text;
}
