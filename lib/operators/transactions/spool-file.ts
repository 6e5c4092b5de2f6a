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
 * A file that only this process sees: its name is taken away as soon as it is open, so that nothing of it is left when it
 * is closed, or when the process is killed.
 */
export class SpoolFile {
  readonly #fd: number;

  /** @throws {ReplicationError} `SPOOL_FAILED` */
  constructor(folder: string) {
    const path = join(folder, `${PREFIX}${randomBytes(8).toString('hex')}${SUFFIX}`);
    this.#fd = attempt('made', () => openSync(path, 'wx+', 0o600));
    abandoned.register(this, this.#fd, this);
    try {
      // Another process may take it for a leftover, and be faster.
      rmSync(path, { force: true });
    } catch (cause) {
      this.close();
      throw failed('hidden', cause);
    }
  }

  /** @throws {ReplicationError} `SPOOL_FAILED` */
  write(bytes: Buffer, at: number): void {
    attempt('written', () => {
      for (let done = 0; done < bytes.length;) done += writeSync(this.#fd, bytes, done, bytes.length - done, at + done);
    });
  }

  /**
   * Fills the buffer with what stands at this position.
   *
   * @throws {ReplicationError} `SPOOL_FAILED`
   */
  read(into: Buffer, at: number): void {
    attempt('read', () => {
      for (let done = 0; done < into.length;) {
        const count = readSync(this.#fd, into, done, into.length - done, at + done);
        if (count === 0) throw new Error('it is shorter than what was written');
        done += count;
      }
    });
  }

  /** Gives the disk back what stands behind so many bytes. */
  truncate(size: number): void {
    try {
      ftruncateSync(this.#fd, size);
    } catch {
      // Then it keeps the space until it is closed.
    }
  }

  /** To be called once. */
  close(): void {
    abandoned.unregister(this);
    closeSync(this.#fd);
  }
}

/** Removes the files of processes that were killed. A process that still needs such a file has it open. */
export function removeLeftovers(folder: string): void {
  for (const name of attempt('looked for', () => readdirSync(folder))) {
    if (!name.startsWith(PREFIX) || !name.endsWith(SUFFIX)) continue;
    try {
      unlinkSync(join(folder, name));
    } catch {
      // Another process has removed it, or this one is not allowed to.
    }
  }
}

function attempt<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw failed(what, cause);
  }
}

function failed(what: string, cause: unknown): ReplicationError {
  return new ReplicationError('SPOOL_FAILED', `The spool file of a large transaction could not be ${what}`, { cause });
}
