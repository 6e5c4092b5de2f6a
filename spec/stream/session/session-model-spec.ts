import fc from 'fast-check';
import { World, type Connection, type ConnectionStyle } from '../../ledger/support/model-world';
import { getPieces } from '../../ledger/support/naive-ledger';

/** Actions, each followed by checks of all invariants. */
class Step implements fc.Command<World, World> {
  constructor(
    readonly name: string,
    readonly step: (world: World, connection: Connection) => void,
  ) {}

  check(world: Readonly<World>): boolean {
    return world.connection !== undefined;
  }

  run(world: World): void {
    if (world.connection) this.step(world, world.connection);
    world.connection?.naive.updateFull();
    world.check();
  }

  toString(): string {
    return this.name;
  }
}

const gap = fc.oneof(fc.constant(0n), fc.bigInt(1n, 200n));

const write = fc
  .tuple(gap, fc.option(fc.nat(6), { nil: undefined, freq: 4 }))
  .map(([gap, changes]) => new Step(`write(+${gap}, ${changes})`, ({ server }) => server.write(gap, changes)));

const writeElsewhere = gap.map(
  (gap) =>
    new Step(`writeElsewhere(+${gap})`, ({ server }) => {
      server.wal += gap;
    }),
);

const send = fc
  .option(fc.nat(6), { nil: undefined })
  .map((at) => new Step(`send(${at})`, (_, connection) => connection.sendNext(at)));

/** The walEnd of a keepalive may also go back. */
const sendKeepalive = fc.tuple(fc.oneof(fc.constant(0n), fc.bigInt(0n, 400n)), fc.boolean()).map(
  ([back, ask]) =>
    new Step(`sendKeepalive(-${back}, ${ask})`, (_, connection) => {
      const { reach } = connection;
      connection.tell(reach > back ? reach - back : 0n, ask);
    }),
);

const receive = fc
  .oneof(fc.integer({ min: 1, max: 120 }), fc.constant(1_000_000))
  .map((count) => new Step(`receive(${count})`, (_, connection) => connection.receive(count)));

/** A paused socket receives nothing; when it is resumed, it receives all pending data. */
const flow = fc.constant(
  new Step('flow', (_, connection) => {
    if (!connection.fixture.host.paused) connection.receive(connection.wire.length);
  }),
);

const wake = fc.constant(new Step('wake', (_, connection) => connection.wake()));

const pass = fc
  .constantFrom(1, 5, 100, 1000)
  .map((ms) => new Step(`pass(${ms})`, (_, connection) => connection.fixture.pass(ms)));

const tick = fc.constant(new Step('tick', (_, connection) => connection.fixture.session.tick(1000)));

const acknowledge = fc.nat(40).map(
  (pick) =>
    new Step(`acknowledge(${pick})`, (_, connection) => {
      const pieces = connection.naive.items.flatMap(getPieces).filter((piece) => !piece.gathered);
      const piece = pieces[pick % pieces.length];
      if (piece) connection.acknowledge(piece);
    }),
);

const acknowledgeOldest = fc.integer({ min: 1, max: 5 }).map(
  (count) =>
    new Step(`acknowledgeOldest(${count})`, (_, connection) => {
      for (const piece of connection.naive.waiting.slice(0, count)) connection.acknowledge(piece);
    }),
);

const serverReads = fc.constant(new Step('serverReads', (_, connection) => connection.serverReads()));

const stop = fc.constantFrom('before' as const, 'after' as const).map(
  (where) =>
    new Step(`stop(${where})`, (_, connection) => {
      connection.stopWanted = where;
      if (where === 'after' && !connection.inside && !connection.over) connection.stopAfter();
    }),
);

const release = fc.constant(
  new Step('release', (_, connection) => {
    if (!connection.over) connection.release();
  }),
);

const disconnect = fc.constant(new Step('disconnect', (_, connection) => connection.disconnect()));

/** After this, a crash goes back to this position at most. */
const checkpoint = fc.constant(
  new Step('checkpoint', ({ server }) => {
    server.saved = server.confirmedFlush;
  }),
);

const crash = fc.constant(
  new Step('crash', ({ server }, connection) => {
    connection.disconnect();
    server.confirmedFlush = server.saved;
  }),
);

const style: fc.Arbitrary<ConnectionStyle> = fc.record({
  window: fc.integer({ min: 1, max: 6 }),
  gathering: fc.boolean(),
  prompt: fc.nat(4),
  handler: fc.constantFrom(0, 0, 3, 20),
});

const subscribe = style.map(
  (style) => new Step(`subscribe(${JSON.stringify(style)})`, (world) => world.subscribe(style)),
);

const reading = [write, write, send, send, sendKeepalive, flow, flow, receive, wake, pass, tick];
const done = [acknowledge, acknowledgeOldest, acknowledgeOldest, serverReads, writeElsewhere];
const endings = [stop, release, disconnect, checkpoint, crash, subscribe, subscribe];

function play([first, commands]: [ConnectionStyle, Iterable<fc.Command<World, World>>]): void {
  const world = new World();
  fc.modelRun(() => {
    world.subscribe(first);
    return { model: world, real: world };
  }, commands);
  world.finish();
}

describe('consecutive sessions on one slot agree with a naive ledger', () => {
  it('redeliver nothing acknowledged, omit nothing, and confirm nothing unfinished', () => {
    const commands = fc.commands([...reading, ...done, ...reading, ...done, ...endings], {
      maxCommands: 120,
      size: 'max',
    });
    fc.assert(fc.property(fc.tuple(style, commands), play), { numRuns: 500 });
  });

  it('also within one subscription', () => {
    const commands = fc.commands([...reading, ...done], { maxCommands: 120, size: 'max' });
    fc.assert(fc.property(fc.tuple(style, commands), play), { numRuns: 250 });
  });
});
