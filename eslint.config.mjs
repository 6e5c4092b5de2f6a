import { readFileSync } from 'node:fs';
import eslint from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const rooms = JSON.parse(readFileSync(new URL('./spec/architecture.json', import.meta.url), 'utf8'));

/** Which way imports point, room by room; spec/architecture-spec.ts checks the same. */
function roomRules([room, { imports, packages }], nested = false) {
  const atRoot = ['base', 'root', 'index'].includes(room);
  const up = atRoot ? '\\./' : nested ? '\\.\\./\\.\\./' : '\\.\\./';
  const known = [...imports, room];
  const folders = Object.keys(rooms).filter((other) => !['base', 'root', 'index'].includes(other));
  const forbidden = folders.filter((other) => !known.includes(other));
  const base = [
    'acknowledgement',
    'checkpoint',
    'error-codes',
    'errors',
    'failure',
    'findings',
    'json',
    'lsn',
    'options',
    'stream-history',
  ];
  const baseFiles = `(?:${base.join('|')})$`;
  const rootFiles = known.includes('root') || room === 'index' ? '(?!)' : `(?!${baseFiles})[^./][^/]*$`;
  const foreign = ['rxjs', 'net', 'tls'].filter((name) => !packages.includes(name));
  return {
    files: {
      base: base.map((file) => `lib/${file}.ts`),
      root: ['lib/*.ts'],
      index: ['lib/index.ts'],
    }[room] ?? [nested ? `lib/${room}/*/**/*.ts` : `lib/${room}/*.ts`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            { regex: `^${up}(?:${forbidden.join('|')})/`, message: `${room} may not know that room of lib/.` },
            { regex: `^${up}${rootFiles}`, message: `${room} may not know that file of lib/.` },
            { regex: `^(?:node:)?(?:${foreign.join('|')})(?:/|$)`, message: `${room} may not use that package.` },
          ],
        },
      ],
    },
  };
}

export default defineConfig(
  { ignores: ['dist/', 'coverage/', '.matrix/', 'docs/api/', 'spec/bench/.build/'] },
  { linterOptions: { noInlineConfig: true, reportUnusedDisableDirectives: 'error' } },
  eslint.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      eqeqeq: 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-extraneous-class': ['error', { allowConstructorOnly: true }],
      '@typescript-eslint/dot-notation': ['error', { allowIndexSignaturePropertyAccess: true, allowPattern: '^__' }],
      // What there is nothing to do for is an empty method.
      '@typescript-eslint/no-empty-function': ['error', { allow: ['methods', 'overrideMethods', 'arrowFunctions'] }],
      // What a subscriber hands in may return nothing: `void | ObservableInput`.
      '@typescript-eslint/no-invalid-void-type': 'off',
      // A teardown or a listener in one line returns what it calls.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/unified-signatures': 'off',
    },
  },
  {
    files: ['lib/**/*.ts'],
    rules: {
      'no-console': 'error',
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Give it a name: the package has no default exports.' },
      ],
    },
  },
  // From the widest to the narrowest: a file takes the last that fits it.
  ...[
    'root',
    'base',
    'index',
    'wire',
    'pgoutput',
    'session',
    'net',
    'config',
    'preflight',
    'operators',
    'slots',
    'testing',
  ].map((room) => roomRules([room, rooms[room]])),
  ...['pgoutput'].map((room) => roomRules([room, rooms[room]], true)),
  {
    files: ['spec/**/*.ts'],
    rules: {
      // Jest's asymmetric matchers and the rows of a query are any.
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-enum-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      // Specs know what they put in, and try what nobody should do.
      '@typescript-eslint/no-misused-spread': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/only-throw-error': 'off',
    },
  },
  {
    files: ['**/*.js', '**/*.mjs'],
    languageOptions: {
      globals: { module: 'writable', require: 'readonly', process: 'readonly', console: 'readonly', URL: 'readonly' },
    },
  },
);
