import { randomBytes } from 'node:crypto';
import { closeSync, ftruncateSync, openSync, readdirSync, readSync, rmSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { ReplicationError } from '../../common/errors';

const PREFIX = 'rxjs-pg-replication-';
const SUFFIX = '.spool';

/** Closes the files whose owner was garbage-collected. */
const abandoned = new FinalizationRegistry<number>((fd) => {
  closeSync(fd);
});

/**
 * An anonymous file: it is unlinked directly after it is opened, so the system frees it when it is closed or the process is
 * killed.
 */
export class SpoolFile {
  readonly #fd: number;

  /** @throws {ReplicationError} `SPOOL_FAILED` */
  constructor(directory: string) {
    const path = join(directory, `${PREFIX}${randomBytes(8).toString('hex')}${SUFFIX}`);
    this.#fd = wrapErrors('created', () => openSync(path, 'wx+', 0o600));
    abandoned.register(this, this.#fd, this);
    try {
      // Another process may already have removed it as a leftover.
      rmSync(path, { force: true });
    } catch (cause) {
      this.close();
      throw createSpoolError('unlinked', cause);
    }
  }

  /** @throws {ReplicationError} `SPOOL_FAILED` */
  write(bytes: Buffer, at: number): void {
    wrapErrors('written', () => {
      for (let done = 0; done < bytes.length;) done += writeSync(this.#fd, bytes, done, bytes.length - done, at + done);
    });
  }

  /**
   * Fills the buffer with the bytes at this position.
   *
   * @throws {ReplicationError} `SPOOL_FAILED`
   */
  read(into: Buffer, at: number): void {
    wrapErrors('read', () => {
      for (let done = 0; done < into.length;) {
        const count = readSync(this.#fd, into, done, into.length - done, at + done);
        if (count === 0) throw new Error('the file is shorter than expected');
        done += count;
      }
    });
  }

  /** Truncates the file, in bytes, to free disk space. */
  truncate(size: number): void {
    try {
      ftruncateSync(this.#fd, size);
    } catch {
      // The space stays allocated until the file is closed.
    }
  }

  /** Must be called once only. */
  close(): void {
    abandoned.unregister(this);
    closeSync(this.#fd);
  }
}

/** Removes the files of processes that were killed. A process that still needs such a file has it open. */
export function removeLeftovers(directory: string): void {
  for (const name of wrapErrors('listed', () => readdirSync(directory))) {
    if (!name.startsWith(PREFIX) || !name.endsWith(SUFFIX)) continue;
    try {
      unlinkSync(join(directory, name));
    } catch {
      // Another process has removed it, or this one is not allowed to.
    }
  }
}

function wrapErrors<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw createSpoolError(what, cause);
  }
}

function createSpoolError(what: string, cause: unknown): ReplicationError {
  return new ReplicationError('SPOOL_FAILED', `The spool file of a large transaction could not be ${what}`, { cause });
}
