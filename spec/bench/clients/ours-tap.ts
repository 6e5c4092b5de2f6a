/** This library with `transactions()`. A `tap` acknowledges each transaction. */
import { tap } from 'rxjs';
import { runGrouped } from './grouped';

runGrouped((source, work) =>
  source.pipe(
    tap((tx) => {
      work(tx);
      tx.ack();
    }),
  ),
);
