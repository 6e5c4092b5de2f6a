/** Observes spool files through the file system. */
import type fs from 'node:fs';
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TransactionsOptions } from '../../../lib/operators/transactions/transactions-options';

/** The functions that the library calls; spying requires the module object. */
export const files = jest.requireActual<typeof fs>('node:fs');

const FDS = '/proc/self/fd';

/** A folder for spool files, with the open ones. */
export class Spools {
  readonly folder = mkdtempSync(join(tmpdir(), 'spools-'));
  /** Everything is spooled immediately. */
  readonly options: TransactionsOptions = { maxBytes: 0, spoolDirectory: this.folder };
  /** The number of files created. */
  made = 0;
  /** Runs directly after one is opened. */
  opened: (path: string) => void = () => undefined;
  readonly #open = new Set<number>();

  constructor() {
    const { openSync, closeSync } = files;
    jest.spyOn(files, 'openSync').mockImplementation((path, ...rest) => {
      const fd = openSync(path, ...rest);
      if (String(path).startsWith(this.folder)) {
        this.#open.add(fd);
        this.made++;
        this.opened(String(path));
      }
      return fd;
    });
    jest.spyOn(files, 'closeSync').mockImplementation((fd) => {
      closeSync(fd);
      this.#open.delete(fd);
    });
  }

  /** The descriptors of the open files. */
  get open(): readonly number[] {
    if (existsSync(FDS)) expect(this.#descriptors()).toBe(this.#open.size);
    return [...this.#open];
  }

  /** The files visible in the folder. */
  get visible(): string[] {
    return readdirSync(this.folder);
  }

  /** Removes the folder. */
  end(): void {
    jest.restoreAllMocks();
    rmSync(this.folder, { recursive: true });
  }

  /** The number of open files according to the operating system. */
  #descriptors(): number {
    return readdirSync(FDS).filter((fd) => {
      try {
        return readlinkSync(join(FDS, fd)).startsWith(this.folder);
      } catch {
        // The descriptor with which the folder is read.
        return false;
      }
    }).length;
  }
}
