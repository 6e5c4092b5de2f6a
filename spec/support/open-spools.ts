import { fstatSync } from 'node:fs';

/** The number of unlinked files, such as spool files, that this process has open. */
export function openSpools(): number {
  return listOpenSpools().length;
}

/** Returns a function that counts the files opened after this call: those of earlier specs in the process may still be closing. */
export function watchSpools(): () => number {
  const before = new Set(listOpenSpools());
  return () => listOpenSpools().filter((file) => !before.has(file)).length;
}

/** The identities of these files. */
function listOpenSpools(): string[] {
  const files: string[] = [];
  for (let fd = 0; fd < 1024; fd++) {
    try {
      const { nlink, mode, dev, ino, birthtimeMs } = fstatSync(fd);
      // An inode is used again, but then it is younger.
      if (nlink === 0 && (mode & 0o170000) === 0o100000) files.push([dev, ino, birthtimeMs].join());
    } catch {
      // Not open any more.
    }
  }
  return files;
}
