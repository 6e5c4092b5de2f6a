/** What a type is made of, as pg_type says. The OIDs are those of other types. */
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

/** What is known of types that are not built in; undefined for one that nobody has looked up. */
export type TypeDefinitions = (oid: number) => TypeDefinition | undefined;
