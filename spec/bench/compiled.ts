import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** The path of a program of this folder compiled with `tsc -p spec/bench`, so that no loader is measured. */
export function compiled(program: string): string {
  const file = join(__dirname, '.build/spec/bench', `${program}.js`);
  if (!existsSync(file)) throw new Error(`${file} is missing: tsc -p spec/bench makes it, as npm run bench does.`);
  return file;
}

/** The environment of measured processes, without variables that affect Node or the connection. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(?:PG|NODE_)/.test(name)));
}
