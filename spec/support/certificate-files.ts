import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Certificates and keys as files, for options that require paths. */
export interface CertificateFiles<Name extends string> {
  readonly folder: string;
  readonly paths: Readonly<Record<Name, string>>;
  /** Removes the folder. */
  remove(): void;
}

/**
 * Writes PEM files into a temporary folder that no other user can read, as libpq requires for keys.
 *
 * @example
 * const files = inFolder({ 'root.crt': ca.cert, 'client.crt': own.cert, 'client.key': own.key });
 */
export function writeToFolder<Name extends string>(files: Readonly<Record<Name, string>>): CertificateFiles<Name> {
  const folder = mkdtempSync(join(tmpdir(), 'rxpg-certificates-'));
  const paths: Record<Name, string> = { ...files };
  for (const name in files) {
    paths[name] = join(folder, name);
    writeFileSync(paths[name], files[name], { mode: 0o600 });
  }
  return {
    folder,
    paths,
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
