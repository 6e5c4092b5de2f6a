/** The definition of a type in `pg_type`. The OIDs refer to other types. */
export type TypeDefinition =
  | { readonly kind: 'base' }
  | { readonly kind: 'enum' }
  | { readonly kind: 'domain'; readonly base: number }
  | { readonly kind: 'array'; readonly element: number; readonly delimiter: string }
  | { readonly kind: 'range'; readonly subtype: number }
  | { readonly kind: 'multirange'; readonly range: number }
  | { readonly kind: 'composite'; readonly attributes: readonly Attribute[] };

/** A column of a composite type. */
export interface Attribute {
  readonly name: string;
  readonly typeOid: number;
}

/** Returns the definition of a type that is not built in, or undefined if it was not looked up. */
export type TypeDefinitions = (oid: number) => TypeDefinition | undefined;
