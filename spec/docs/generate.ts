/** Writes the tables of docs/ that are generated from the code. Run it with `npm run docs`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fillGenerated } from './support/generated';
import { Library } from './support/library';
import { pages, ROOT } from './support/pages';

const library = new Library();
for (const { path, text } of pages) {
  const filled = fillGenerated(text, library);
  if (filled === text) continue;
  writeFileSync(join(ROOT, path), filled);
  console.log(`Updated ${path}.`);
}
