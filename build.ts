/**
 * Builds `dist`, what the package publishes: declarations by the TypeScript compiler, and code by esbuild, in two formats with
 * one shape. `library` has all code that the main entry needs; `index` and `testing/index` export from it. Run it with
 * `npm run build`.
 *
 * Node loads the `.js` files, by `import` and by `require`, so that one process has one instance. The `.mjs` files are for
 * bundlers, by the condition `module`: a bundle in ESM format can import Node's modules, and cannot require them.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { build, transform, type Metafile, type Plugin, type TransformOptions } from 'esbuild';

const DIST = join(__dirname, 'dist');
const LICENSES = join(DIST, 'licenses.txt');
/** Not in the code: `pg-types` is shared with the user's `pg`, and the others are small or a peer. */
const EXTERNAL = ['rxjs', 'pg-types', 'pg-connection-string'];
const TARGET = 'node20';

/** Makes `library` have all modules of the main entry, so that none of its code calls across files. */
const testingEntry: Plugin = {
  name: 'testing-entry',
  setup(builder) {
    builder.onResolve({ filter: /^testing-entry$/ }, ({ path }) => ({ path, namespace: 'testing-entry' }));
    builder.onLoad({ filter: /.*/, namespace: 'testing-entry' }, () => ({
      contents: `import './index'; export * from './testing/index';`,
      resolveDir: join(__dirname, 'lib'),
    }));
  },
};

/**
 * Includes saslprep, and evaluates it, and Node's `zlib`, when it is first called. It is needed for passwords with characters
 * beyond ASCII only, and evaluating it takes a third as long as everything else. It is included because it requires `zlib`,
 * which a user's bundle in ESM format could not.
 */
const lazySaslprep: Plugin = {
  name: 'lazy-saslprep',
  setup(builder) {
    builder.onResolve({ filter: /^@mongodb-js\/saslprep$/ }, ({ path, kind }) =>
      kind === 'import-statement' ? { path, namespace: 'lazy' } : undefined,
    );
    builder.onLoad({ filter: /.*/, namespace: 'lazy' }, ({ path }) => ({
      contents: `export const saslprep = (text) => require('${path}').saslprep(text);`,
      resolveDir: __dirname,
    }));
    builder.onResolve({ filter: /^zlib$/ }, ({ path, kind }) =>
      kind === 'require-call' ? { path, namespace: 'built-in' } : undefined,
    );
    builder.onLoad({ filter: /.*/, namespace: 'built-in' }, ({ path }) => ({
      contents: `export const gunzipSync = (bytes) => process.getBuiltinModule('node:${path}').gunzipSync(bytes);`,
    }));
  },
};

async function main(): Promise<void> {
  rmSync(DIST, { recursive: true, force: true });
  execFileSync(process.execPath, [join(__dirname, 'node_modules/typescript/bin/tsc'), '-p', 'lib'], {
    cwd: __dirname,
    stdio: 'inherit',
  });
  const { outputFiles, metafile } = await build({
    absWorkingDir: __dirname,
    entryPoints: { index: 'lib/index.ts', 'testing/index': 'testing-entry' },
    outdir: DIST,
    tsconfig: 'lib/tsconfig.json',
    plugins: [testingEntry, lazySaslprep],
    external: EXTERNAL,
    bundle: true,
    // The package's `sideEffects` would remove an import that exists for its module only.
    ignoreAnnotations: true,
    splitting: true,
    chunkNames: 'library',
    format: 'esm',
    platform: 'node',
    target: TARGET,
    sourcemap: 'inline',
    sourcesContent: false,
    metafile: true,
    write: false,
    logLevel: 'warning',
  });
  for (const { path, text } of outputFiles) {
    const code = nameClasses(text);
    await write(path, code, 'esm', '.mjs');
    await write(path, code, 'cjs', '.js');
  }
  writeFileSync(LICENSES, readLicenses(metafile));
}

/**
 * Gives classes their names. esbuild makes variables of top-level classes, and renames a class that refers to itself:
 * `var Lsn = class _Lsn {`. The lines keep their numbers, and nothing that the source map knows changes its column.
 */
function nameClasses(code: string): string {
  return code.replace(
    /^(var (\w+) = class _\2\b.* \{)$/gm,
    (_, start: string, name: string) =>
      `${start} static { Object.defineProperty(this, "name", { value: "${name}" }); }`,
  );
}

/** Writes a file in a format, and its source map. */
async function write(path: string, code: string, format: 'cjs' | 'esm', extension: string): Promise<void> {
  const file = path.replace(/\.js$/, extension);
  const options: TransformOptions = {
    sourcefile: path,
    platform: 'node',
    target: TARGET,
    sourcesContent: false,
    logLevel: 'warning',
  };
  const imports = code.replace(/(["']\.\.?\/library)\.js(?=["'])/g, `$1${extension}`);
  const formatted = await transform(imports, { ...options, format, sourcemap: 'inline' });
  // From this expression, which never runs, Node learns the names that can be imported from a CommonJS file.
  const [names = ''] = /^0 && \(module\.exports = \{[^}]*\}\);$/m.exec(formatted.code) ?? [];
  // Without comments and indentation it is read in less time. An uncaught error prints its line, so lines stay short.
  const { code: small, map } = await transform(formatted.code, {
    ...options,
    sourcemap: 'external',
    minifyWhitespace: true,
    lineLimit: 120,
  });
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${small}${names}\n//# sourceMappingURL=${basename(file)}.map\n`);
  writeFileSync(`${file}.map`, map);
}

/** The licenses of the packages whose code is included. */
function readLicenses({ outputs }: Metafile): string {
  const inputs = Object.values(outputs).flatMap(({ inputs }) => Object.keys(inputs));
  const folders = inputs.flatMap((input) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input) ?? []);
  return [...new Set(folders)]
    .sort()
    .map(
      (folder) =>
        `${relative('node_modules', folder)}\n\n${readFileSync(join(__dirname, folder, 'LICENSE'), 'utf8').trim()}\n`,
    )
    .join(`\n${'-'.repeat(80)}\n\n`);
}

void main();
