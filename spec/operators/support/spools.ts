/** Spool files, watched from outside. */
import type fs from 'node:fs';
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TransactionsOptions } from '../../../lib/operators/transactions/transactions-options';

/** What the library calls: to spy on it, one needs the module itself. */
export const files = jest.requireActual<typeof fs>('node:fs');

const FDS = '/proc/self/fd';

/** A folder for spool files, and which of them are open. */
export class Spools {
  readonly folder = mkdtempSync(join(tmpdir(), 'spools-'));
  /** Everything goes into a file at once. */
  readonly options: TransactionsOptions = { maxBytes: 0, spoolDirectory: this.folder };
  /** How many were ever made. */
  made = 0;
  /** What happens right after one was opened. */
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

  /** The descriptors of those that are open. */
  get open(): readonly number[] {
    if (existsSync(FDS)) expect(this.#descriptors()).toBe(this.#open.size);
    return [...this.#open];
  }

  /** What can be seen in the folder. */
  get visible(): string[] {
    return readdirSync(this.folder);
  }

  /** Takes the folder away. */
  end(): void {
    jest.restoreAllMocks();
    rmSync(this.folder, { recursive: true });
  }

  /** How many the operating system knows. */
  #descriptors(): number {
    return readdirSync(FDS).filter((fd) => {
      try {
        return readlinkSync(join(FDS, fd)).startsWith(this.folder);
      } catch {
        // The one by which the folder was read.
        return false;
      }
    }).length;
  }
}
