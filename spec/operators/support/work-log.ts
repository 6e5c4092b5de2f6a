import { Observable, timer } from 'rxjs';
import { type Clock } from '../../support/clock';
import { transaction } from '../../support/fake-backend';

/** Records work of a given duration. */
export class WorkLog {
  readonly started: number[] = [];
  readonly finished: number[] = [];
  readonly running = new Set<number>();
  maxRunning = 0;

  constructor(readonly clock: Clock) {}

  /** Work of this number of ms, which optionally fails at its end. */
  work(xid: number, ms: number, failure?: unknown): Observable<number> {
    return new Observable<number>((subscriber) => {
      this.start(xid);
      const end = timer(ms, this.clock).subscribe(() => {
        this.running.delete(xid);
        if (failure !== undefined) {
          subscriber.error(failure);
          return;
        }
        this.finished.push(xid);
        subscriber.next(xid);
        subscriber.complete();
      });
      return () => {
        this.running.delete(xid);
        end.unsubscribe();
      };
    });
  }

  start(xid: number): void {
    if (this.running.has(xid)) throw new Error(`the work of ${xid} runs twice at once`);
    this.started.push(xid);
    this.running.add(xid);
    this.maxRunning = Math.max(this.maxRunning, this.running.size);
  }
}

/** A transaction of one row, whose commit LSN is its xid times 0x100. */
export const tx = (xid: number) => transaction({ xid, commitLsn: BigInt(xid) * 0x100n, rows: [`row ${xid}`] });

/** The end LSN of that transaction. */
export const end = (xid: number) => BigInt(xid) * 0x100n + 0x30n;
