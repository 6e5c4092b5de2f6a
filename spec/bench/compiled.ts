import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** A program of this folder as `tsc -p spec/bench` made it, so that no loader is measured with it. */
export function compiled(program: string): string {
  const file = join(__dirname, '.build/spec/bench', `${program}.js`);
  if (!existsSync(file)) throw new Error(`${file} is missing: tsc -p spec/bench makes it, as npm run bench does.`);
  return file;
}

/** The environment for what is measured: nothing that would change how Node runs, or whom a client connects to. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(?:PG|NODE_)/.test(name)));
}
