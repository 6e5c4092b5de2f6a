import { readFileSync } from 'node:fs';
import { dirname, relative, resolve, sep } from 'node:path';
import eslint from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const LIB = resolve(import.meta.dirname, 'lib');
/** Which modules of lib/ a module may import, and which of the restricted packages. spec/architecture-spec.ts reads it, too. */
const modules = JSON.parse(readFileSync(new URL('./spec/architecture.json', import.meta.url), 'utf8'));
const NAMES = Object.keys(modules).sort((a, b) => b.length - a.length);
const RESTRICTED = /^(?:node:)?(rxjs|net|tls)(?:\/|$)/;

/** The module of a file: the longest name in the list that its path starts with. */
function findModule(file) {
  const path = relative(LIB, file).split(sep).join('/');
  return NAMES.find((name) => path.startsWith(`${name}/`) || path.replace(/\.ts$/, '') === name);
}

const importsBetweenModules = {
  create(context) {
    const module = findModule(context.filename);
    if (!module) {
      return {
        Program: (node) => context.report({ node, message: 'spec/architecture.json does not list this module.' }),
      };
    }
    const { imports, packages } = modules[module];
    const check = ({ source }) => {
      if (!source) return;
      const target = source.value.startsWith('.') && findModule(resolve(dirname(context.filename), source.value));
      const name = RESTRICTED.exec(source.value)?.[1];
      if (target && target !== module && !imports.includes(target)) {
        context.report({ node: source, message: `lib/${module} may not import lib/${target}.` });
      } else if (name && !packages.includes(name)) {
        context.report({ node: source, message: `lib/${module} may not import ${name}.` });
      }
    };
    return {
      ImportDeclaration: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      ImportExpression: check,
    };
  },
};

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
    plugins: { modules: { rules: { imports: importsBetweenModules } } },
    rules: {
      'modules/imports': 'error',
      'no-console': 'error',
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Give it a name: the package has no default exports.' },
      ],
    },
  },
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
