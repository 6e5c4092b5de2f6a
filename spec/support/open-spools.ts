import { fstatSync } from 'node:fs';

/** The number of unlinked files, such as spool files, that this process has open. */
export function openSpools(): number {
  let count = 0;
  for (let fd = 0; fd < 1024; fd++) {
    try {
      const { nlink, mode } = fstatSync(fd);
      if (nlink === 0 && (mode & 0o170000) === 0o100000) count++;
    } catch {
      // Not open any more.
    }
  }
  return count;
}
