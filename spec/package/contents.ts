import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/**
 * Finds the sources of declaration maps and source maps that the package does not have, so that neither an editor nor a stack
 * trace could show them. The sources of included packages are not published.
 */
export function findMissingSources(dist: string): string[] {
  const maps = list(dist, '.map');
  for (const extension of ['.d.ts.map', '.js.map', '.mjs.map']) {
    if (!maps.some((map) => map.endsWith(extension))) return [`*${extension}`];
  }
  return maps.flatMap((map) => {
    const { sources } = JSON.parse(readFileSync(join(dist, map), 'utf8')) as { sources: readonly string[] };
    return sources
      .filter((source) => !/\/node_modules\/|^[a-z-]+:/.test(source))
      .filter((source) => !existsSync(resolve(dist, dirname(map), source)))
      .map((source) => `${map}: ${source}`);
  });
}

/** Finds the classes whose names differ between source and bundle: errors and inspected messages show them. */
export function findRenamedClasses(folder: string): string[] {
  const sources = list(join(folder, 'lib'), '.ts').map((file) => readFileSync(join(folder, 'lib', file), 'utf8'));
  const declared = sources.flatMap((text) => [...text.matchAll(/^(?:export )?(?:abstract )?class (\w+)/gm)]);
  const files = ['library.js', 'testing/index.js'].map((name) => readFileSync(join(folder, 'dist', name), 'utf8'));
  // esbuild breaks long lines, also in strings.
  const code = files.join('\n').replaceAll('\\\n', '').replace(/\s+/g, ' ');
  // A class that refers to itself is `var Name=class _Name`, and build.ts gives it its name.
  const kept = code.matchAll(/\bvar (\w+)= ?class\b(?! ?_)/g);
  const given = code.matchAll(/Object\. ?defineProperty\( ?this, ?"name", ?\{ ?value: ?"(\w+)"/g);
  const names = new Set([...kept, ...given].map(([, name]) => name));
  return declared.flatMap(([, name = '']) => (names.has(name) ? [] : [name]));
}

function list(folder: string, extension: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith(extension));
}
